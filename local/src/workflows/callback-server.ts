/** The HTTP side: callback deliveries; everything else is refused by name. */
import type { IncomingMessage, ServerResponse } from "node:http";
import http from "node:http";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Clock } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { CallbackEndpoints, DeliveryResult } from "./callback-endpoints.ts";
import { LIMITS } from "./limits.ts";
import { callbackOf } from "./resource-name.ts";
import type { Value } from "./value.ts";
import { mapOf, valueFromJson } from "./value.ts";

/** Largest callback body: an execution cannot hold more in its variables. */
const MAX_BODY_BYTES = LIMITS.variableBytes;

export interface CallbackServerOptions {
  readonly callbacks: CallbackEndpoints;
  readonly clock: Clock;
  readonly log: Logger;
  /** Rejects when the bearer token may not deliver; absent = deliveries need no token. */
  readonly verifyIdToken?: ((token: string) => Promise<unknown>) | undefined;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const RESULTS: Readonly<Record<DeliveryResult, Answer>> = {
  delivered: { status: 200, body: {} },
  "not-found": refusal(404, "NOT_FOUND", "no such callback, or its execution has ended"),
  "wrong-method": refusal(405, "INVALID_ARGUMENT", "the callback expects another HTTP method"),
  full: refusal(429, "RESOURCE_EXHAUSTED", "too many deliveries wait for this callback"),
};

export function createCallbackServer(options: CallbackServerOptions): http.Server {
  return http.createServer((request, response) => {
    answer(request, options)
      .catch((error: unknown) => {
        options.log.error("callback delivery failed", { cause: messageOf(error) });
        return refusal(500, "INTERNAL", "the delivery failed");
      })
      .then((result) => send(response, result))
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
}

async function answer(request: IncomingMessage, options: CallbackServerOptions): Promise<Answer> {
  const url = new URL(request.url ?? "/", "http://callback.local");
  const target = callbackOf(url.pathname);
  if (target === undefined) {
    return refusal(501, "UNIMPLEMENTED", `${request.method} ${url.pathname} is not available`);
  }
  const refused = await authorize(request, options);
  if (refused !== undefined) return refused;
  const bytes = await readBody(request);
  if (bytes === undefined) {
    return refusal(413, "INVALID_ARGUMENT", `a body may have ${MAX_BODY_BYTES} bytes`);
  }
  const body = decodeBody(bytes, request.headers["content-type"] ?? "");
  if (body === undefined) return refusal(400, "INVALID_ARGUMENT", "the body is not JSON");
  const method = request.method ?? "GET";
  const value: Value = {
    type: "HTTP",
    received_time: new Date(options.clock.now()).toISOString(),
    http_request: {
      method,
      url: url.pathname + url.search,
      headers: headersOf(request),
      query: mapOf(url.searchParams),
      body,
    },
  };
  return RESULTS[options.callbacks.deliver(target.execution, target.callbackId, method, value)];
}

async function authorize(
  request: IncomingMessage,
  options: CallbackServerOptions,
): Promise<Answer | undefined> {
  if (options.verifyIdToken === undefined) return undefined;
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) return refusal(401, "UNAUTHENTICATED", "a bearer token is needed");
  try {
    await options.verifyIdToken(token);
    return undefined;
  } catch (error) {
    options.log.warn("callback refused", { cause: messageOf(error) });
    return refusal(401, "UNAUTHENTICATED", "the bearer token is not accepted");
  }
}

/** Undefined when the body is over the cap. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function decodeBody(bytes: Buffer, contentType: string): Value | undefined {
  if (bytes.length === 0) return null;
  if (!/[/+]json\b/.test(contentType)) return bytes.toString();
  try {
    return valueFromJson(JSON.parse(bytes.toString()));
  } catch {
    return undefined;
  }
}

/** Headers as the workflow sees them: each value a list, and no credentials. */
function headersOf(request: IncomingMessage): Value {
  const visible = Object.entries(request.headersDistinct).filter(
    ([name]) => name !== "authorization" && name !== "cookie",
  );
  return mapOf(visible.map(([name, values]) => [titleCase(name), values ?? []] as const));
}

function titleCase(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
}

function refusal(code: number, status: string, message: string): Answer {
  return { status: code, body: { error: { code, status, message } } };
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(text)),
    // A body that was refused unread would otherwise be taken for the next request.
    ...(status === 413 ? { connection: "close" } : {}),
  });
  response.end(text);
}
