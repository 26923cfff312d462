/** HTTP/1: Firestore's REST API. The product's own write path is `documents:commit` here. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { CallerResolver } from "./caller.ts";
import { allowOrigin } from "./cors.ts";
import { MAX_REQUEST_BYTES } from "./request-cap.ts";
import { errorBody, routeRest, type RestCall } from "./rest-route.ts";
import type { TestEndpoints } from "./test-mode/test-endpoints.ts";
import { invalid, RpcError } from "./rpc-error.ts";
import type { RpcContext } from "./rpc/method.ts";
import { SERVER_STREAM_METHODS, UNARY_METHODS } from "./rpc/methods.ts";

export interface RestParts {
  readonly context: RpcContext;
  readonly callers: CallerResolver;
  readonly log: Logger;
  /** Only in test mode. */
  readonly testEndpoints?: TestEndpoints;
}

const WEBCHANNEL = /^\/google\.firestore\.v1\.Firestore\/(Listen|Write)\/channel/;
const KEEP_ALIVE_MS = 120_000;

/** A server that listens nowhere yet: connections are emitted into it. */
export function createRestServer(parts: RestParts): Server {
  const server = createServer((request, response) => {
    answer(parts, request, response).catch((error: unknown) => {
      parts.log.error("a firestore REST answer could not be sent", { error });
      response.destroy();
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return server;
}

async function answer(
  parts: RestParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (allowOrigin(request, response)) return;
  try {
    if (request.method === "GET" && request.url === "/") {
      response.end("Ok\n");
      return;
    }
    const webChannel = WEBCHANNEL.exec(request.url ?? "");
    if (webChannel !== null) throw new RpcError("UNIMPLEMENTED", `WebChannel ${webChannel[1]}`);
    const body = await readBody(request);
    const { method = "GET", url = "/" } = request;
    const tested = parts.testEndpoints?.(method, url, () => parseBody(body));
    if (tested !== undefined) {
      send(response, 200, await tested);
      return;
    }
    const call = routeRest(method, url, () => parseBody(body));
    const caller = await parts.callers.resolve(request.headers.authorization);
    send(response, 200, await run(parts.context, caller, call));
  } catch (error) {
    const { status, body } = errorBody(error);
    if (status === 500) parts.log.error("a firestore REST call failed", { error });
    send(response, status, body);
  }
}

async function run(
  context: RpcContext,
  caller: Parameters<(typeof UNARY_METHODS)[string]>[1],
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

function send(response: ServerResponse, status: number, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    "content-type": "application/json; charset=UTF-8",
    "content-length": bytes.length,
  });
  response.end(bytes);
}

/** Drained even when it is too large, so that the connection stays usable for the answer. */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_REQUEST_BYTES) chunks.push(chunk);
  }
  if (size > MAX_REQUEST_BYTES) {
    throw invalid(`Request payload size exceeds the limit: ${MAX_REQUEST_BYTES} bytes.`);
  }
  return chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
}

function parseBody(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new RpcError("INVALID_ARGUMENT", "The body is not valid JSON.", { cause: error });
  }
}
