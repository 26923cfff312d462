/** Sends the requests of `http.*` steps over kept-alive connections and turns failures into workflow errors. */
import http from "node:http";
import https from "node:https";
import type { Timers } from "@bifrost/shared/domain/time";
import { LIMITS } from "./limits.ts";
import { ExecutionCancelled, messageText, raised } from "./workflow-error.ts";

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** System errors that mean the server was never reached. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
]);

export class HttpClient {
  readonly #timers: Timers;
  readonly #agents = {
    "http:": new http.Agent({ keepAlive: true, maxFreeSockets: 256 }),
    "https:": new https.Agent({ keepAlive: true, maxFreeSockets: 256 }),
  };

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /**
   * Sends once; redirects are not followed.
   * @throws WorkflowError `ConnectionError`, `ConnectionFailedError`, `TimeoutError`, `ResourceLimitError` (answer
   * over 2 MB); ExecutionCancelled when the signal is aborted.
   */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const abort = new AbortController();
    const cancel = (): void => abort.abort(new ExecutionCancelled());
    request.signal.addEventListener("abort", cancel, { once: true });
    if (request.signal.aborted) cancel();
    const timer = this.#timers.after(request.timeoutSeconds * 1000, () => {
      const message = `no answer from ${request.url.host} within ${request.timeoutSeconds} s`;
      abort.abort(raised("TimeoutError", message));
    });
    try {
      return await this.#exchange(request, abort.signal, false);
    } finally {
      timer.cancel();
      request.signal.removeEventListener("abort", cancel);
    }
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  #exchange(request: HttpRequest, signal: AbortSignal, isSecond: boolean): Promise<HttpResponse> {
    const { protocol } = request.url;
    if (protocol !== "http:" && protocol !== "https:") {
      throw raised("ValueError", `the URL's scheme must be http or https, not ${protocol}`);
    }
    const client = protocol === "http:" ? http : https;
    return new Promise((resolve, reject) => {
      const outgoing = client.request(request.url, {
        method: request.method,
        headers: withLength(request),
        agent: this.#agents[protocol],
        signal,
      });
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        if (signal.aborted) return reject(signal.reason as Error);
        // A kept-alive connection may have been closed by the server at the very moment it was reused.
        if (error.code === "ECONNRESET" && outgoing.reusedSocket && !isSecond) {
          return resolve(this.#exchange(request, signal, true));
        }
        return reject(connectionError(error, request.url));
      });
      outgoing.on("response", (incoming) => {
        readAnswer(incoming).then(resolve, (error: unknown) => {
          outgoing.destroy();
          reject(signal.aborted ? (signal.reason as Error) : asWorkflowError(error, request.url));
        });
      });
      outgoing.end(request.body);
    });
  }
}

async function readAnswer(incoming: http.IncomingMessage): Promise<HttpResponse> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > LIMITS.responseBytes) {
      throw raised("ResourceLimitError", `the answer is longer than ${LIMITS.responseBytes} bytes`);
    }
    chunks.push(chunk);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return { status: incoming.statusCode ?? 0, headers, body: Buffer.concat(chunks) };
}

function asWorkflowError(error: unknown, url: URL): Error {
  if (error instanceof Error && error.name === "WorkflowError") return error;
  return connectionError(error instanceof Error ? error : new Error(String(error)), url);
}

function connectionError(error: NodeJS.ErrnoException, url: URL): Error {
  const message = `${url.host}: ${error.code ?? messageText(error)}`;
  return error.code !== undefined && NOT_CONNECTED.has(error.code)
    ? raised(["ConnectionError", "ConnectionFailedError"], message)
    : raised("ConnectionError", message);
}

function withLength(request: HttpRequest): Record<string, string> {
  const hasBody = request.body !== undefined || /^P(?:OST|UT|ATCH)$/.test(request.method);
  if (!hasBody) return { ...request.headers };
  return { ...request.headers, "content-length": String(request.body?.length ?? 0) };
}
