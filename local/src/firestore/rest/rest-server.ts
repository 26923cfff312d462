/** HTTP/1: Firestore's REST API and WebChannel. The product's own write path is `documents:commit` here. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Caller, CallerResolver } from "../edge/caller.ts";
import { allowOrigin } from "../edge/cors.ts";
import type { EdgeLimits } from "../edge/edge-limits.ts";
import { checkHost } from "../edge/host-name.ts";
import { endUnread, parseBody, RequestBodies } from "./rest-body.ts";
import { errorBody, routeRest, type RestCall } from "./rest-route.ts";
import { invalid } from "../rpc-error.ts";
import type { TestEndpoints } from "../test-mode/test-endpoints.ts";
import type { RpcContext } from "../rpc/method.ts";
import { SERVER_STREAM_METHODS, UNARY_METHODS } from "../rpc/methods.ts";
import type { WebChannel } from "../webchannel/web-channel.ts";

export interface RestParts {
  readonly context: RpcContext;
  readonly callers: CallerResolver;
  readonly limits: EdgeLimits;
  readonly webChannel: WebChannel;
  readonly log: Logger;
  /** Only in test mode. */
  readonly testEndpoints: TestEndpoints | undefined;
}

const KEEP_ALIVE_MS = 120_000;
/** Room for the largest header that is refused by name, of 16 KiB, and for a long URL beside it. */
const MAX_HEADER_BYTES = 64 * 1024;
/** A mask of a few hundred fields. */
const MAX_URL_CHARS = 16_384;

/** A server that listens nowhere yet: connections are emitted into it. */
export function createRestServer(parts: RestParts): Server {
  const { headersMs, requestMs, checkEveryMs } = parts.limits;
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: checkEveryMs,
  };
  const bodies = new RequestBodies();
  const server = createServer(options, (request, response) => {
    answer({ ...parts, bodies }, request, response).catch((error: unknown) => {
      parts.log.error("a firestore REST answer could not be sent", { error });
      response.destroy();
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return server;
}

async function answer(
  parts: RestParts & { readonly bodies: RequestBodies },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    checkHost(request.headers.host);
    checkUrl(request.url ?? "");
    if (allowOrigin(request, response)) return;
    if (request.method === "GET" && request.url === "/") {
      response.end("Ok\n");
      return;
    }
    const readBody = (): Promise<Buffer> => parts.bodies.read(request);
    if (await parts.webChannel.answer(request, response, readBody)) return;
    const body = await readBody();
    const { method = "GET", url = "/" } = request;
    const tested = parts.testEndpoints?.(method, url, () => parseBody(body));
    if (tested !== undefined) {
      send(request, response, 200, await tested);
      return;
    }
    const call = routeRest(method, url, () => parseBody(body));
    const caller = await parts.callers.resolve(request.headersDistinct["authorization"]);
    send(request, response, 200, await run(parts.context, caller, call));
  } catch (error) {
    const { status, body } = errorBody(error);
    if (status === 500) parts.log.error("a firestore REST call failed", { error });
    send(request, response, status, body);
  }
}

function checkUrl(url: string): void {
  if (url.length > MAX_URL_CHARS)
    throw invalid(`The URL is longer than ${MAX_URL_CHARS} characters.`);
}

async function run(
  context: RpcContext,
  caller: Caller,
  { method, request }: RestCall,
): Promise<object> {
  const stream = SERVER_STREAM_METHODS[method];
  if (stream === undefined) {
    return (await UNARY_METHODS[method]?.(context, caller, request)) ?? {};
  }
  const responses: object[] = [];
  for await (const response of stream(context, caller, request)) responses.push(response);
  return responses;
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: object,
): void {
  const bytes = Buffer.from(JSON.stringify(body));
  const isUnread = !request.complete;
  if (isUnread) response.setHeader("connection", "close");
  response.writeHead(status, {
    "content-type": "application/json; charset=UTF-8",
    "content-length": bytes.length,
  });
  if (!isUnread) return void response.end(bytes);
  response.write(bytes);
  endUnread(request, response);
}
