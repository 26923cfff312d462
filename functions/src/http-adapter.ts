/** Between the framework's Express-style handlers and web-standard requests. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type {
  HttpFunction,
  Request as FrameworkRequest,
  Response as FrameworkResponse,
} from "@google-cloud/functions-framework";
import type { Service } from "./service.ts";

export function toHttpFunction(service: () => Promise<Service>): HttpFunction {
  return async (request, response) => {
    const aborted = new AbortController();
    response.on("close", () => aborted.abort());
    const answer = await (await service())(toRequest(request, aborted.signal));
    await send(answer, response);
  };
}

function toRequest(request: FrameworkRequest, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    for (const one of [value].flat()) if (one !== undefined) headers.append(name, one);
  }
  const hasBody = request.method !== "GET" && request.method !== "HEAD";
  return new Request(new URL(request.originalUrl, `http://${request.headers.host ?? "function"}`), {
    method: request.method,
    headers,
    signal,
    // The framework has parsed the body; the bytes it kept are what signatures are made over.
    ...(hasBody ? { body: new Uint8Array(request.rawBody ?? Buffer.alloc(0)) } : {}),
  });
}

async function send(answer: Response, response: FrameworkResponse): Promise<void> {
  response.status(answer.status);
  answer.headers.forEach((value, name) => response.setHeader(name, value));
  if (answer.body === null) {
    response.end();
    return;
  }
  response.flushHeaders();
  try {
    await pipeline(Readable.fromWeb(answer.body), response);
  } catch {
    response.destroy(); // the reader left, or the stream broke: there is no one to tell
  }
}
