/** An HTTP server on 127.0.0.1 whose handler may throw: what it throws is answered as a Google error. */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import { GoogleError, googleErrorBody } from "./google-error.ts";

export interface LoopbackServer {
  readonly port: number;
  /** Ends open connections too; safe to call twice. */
  close(): Promise<void>;
}

export interface LoopbackOptions {
  readonly port?: number | undefined;
  readonly log: Logger;
  handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> | void;
}

const BASE = "http://127.0.0.1";

export async function listenOnLoopback(options: LoopbackOptions): Promise<LoopbackServer> {
  const server = createServer((request, response) => void answer(options, request, response));
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const port = options.port ?? 0;
      const taken = new BifrostError("port-taken", `Port ${port} on 127.0.0.1 is in use.`, {
        port,
      });
      reject(error.code === "EADDRINUSE" ? taken : error);
    });
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      if (!server.listening) return;
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  options: LoopbackOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const target = request.url ?? "/";
    if (!URL.canParse(target, BASE)) {
      throw new GoogleError("INVALID_ARGUMENT", "The request target is no URL.");
    }
    await options.handle(request, response, new URL(target, BASE));
  } catch (error) {
    const { httpStatus, body } = googleErrorBody(error);
    if (httpStatus >= 500 && httpStatus !== 501) {
      options.log.error("request failed", { path: request.url, error: messageOf(error) });
    }
    if (response.headersSent) return void response.destroy();
    // A body left unread would be taken for the next request of a kept-alive connection.
    if (!request.complete) response.setHeader("connection", "close");
    sendJson(response, httpStatus, body);
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** The whole body; more than `maxBytes` is refused with 413. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new GoogleError("PAYLOAD_TOO_LARGE", `The request body exceeds ${maxBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const body = await readBody(request, maxBytes);
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw new GoogleError(
      "INVALID_ARGUMENT",
      "Invalid JSON payload received.",
      {},
      { cause: error },
    );
  }
}
