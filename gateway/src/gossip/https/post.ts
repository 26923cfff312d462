/** One POST to another node, and what its outcome is evidence of. */
import { request as requestHttp, type Agent as HttpAgent, type ClientRequest } from "node:http";
import { request as requestHttps, type Agent as HttpsAgent } from "node:https";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { CheckResult } from "../transport.ts";
import type { TransportCount } from "../transport-count.ts";

/** In every response of a node: whoever answers without it is something in front of it. */
export const NODE_HEADER = "bifrost-node";

export interface PostOptions {
  readonly agents: { readonly http: HttpAgent; readonly https: HttpsAgent };
  /** PEM; null = the authorities that Node trusts. */
  readonly ca: string | null;
  readonly maxBodyBytes: number;
  readonly count: TransportCount;
  readonly timers: Timers;
}

export type Posted =
  | { readonly kind: "answered"; readonly status: number; readonly body: Buffer }
  | {
      readonly kind: "failed";
      readonly evidence: Exclude<CheckResult, "answered">;
      readonly why: string;
    };

export function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  timeoutMs: number,
  options: PostOptions,
): Promise<Posted> {
  return new Promise((resolve) => new Post(url, headers, body, timeoutMs, options, resolve));
}

class Post {
  readonly #options: PostOptions;
  readonly #resolve: (posted: Posted) => void;
  readonly #request: ClientRequest;
  /** The kernel of the other end, or of what stands before it, has answered. */
  #isConnected = false;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(
    url: URL,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    timeoutMs: number,
    options: PostOptions,
    resolve: (posted: Posted) => void,
  ) {
    this.#options = options;
    const { agents, ca, count, timers } = options;
    const timer = timers.after(timeoutMs, () => this.#fail(`no answer within ${timeoutMs} ms`));
    this.#resolve = (posted) => {
      timer.cancel();
      resolve(posted);
    };
    const settings = { method: "POST", headers: { ...headers, "content-length": body.length } };
    this.#request =
      url.protocol === "https:"
        ? requestHttps(url, { ...settings, agent: agents.https, ...(ca === null ? {} : { ca }) })
        : requestHttp(url, { ...settings, agent: agents.http });
    this.#listen();
    count.streamBytesSent += body.length;
    this.#request.end(body);
  }

  #listen(): void {
    this.#request.on("socket", (socket) => {
      if (!socket.connecting) this.#isConnected = true;
      else socket.once("connect", () => (this.#isConnected = true));
    });
    this.#request.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNREFUSED") return this.#fail(messageOf(error));
      return this.#resolve({ kind: "failed", evidence: "refused", why: "nothing listens there" });
    });
    this.#request.on("response", (response) => {
      response.on("data", (part: Buffer) => this.#take(part));
      response.on("error", (error) => this.#fail(messageOf(error)));
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        if (response.headers[NODE_HEADER] === undefined) {
          this.#fail(`what answers is not a node but something before it (status ${status})`);
        } else this.#resolve({ kind: "answered", status, body: Buffer.concat(this.#parts) });
      });
    });
  }

  #take(part: Buffer): void {
    this.#options.count.streamBytesReceived += part.length;
    this.#bytes += part.length;
    this.#parts.push(part);
    if (this.#bytes <= this.#options.maxBodyBytes) return;
    this.#options.count.refuse("too-large");
    this.#fail("its answer is too large");
  }

  #fail(why: string): void {
    const evidence = this.#isConnected ? "stalled" : "unreachable";
    this.#resolve({ kind: "failed", evidence, why });
    this.#request.destroy();
  }
}
