/** What is told of every request once it is over, for access log, metrics and samples. */
import { fieldIn } from "./header-block.ts";
import type { PageKind } from "./pages.ts";
import type { RequestHead } from "./parse-head.ts";
import { traceIdOf } from "./trace-context.ts";

/**
 * `complete`: all of the response was handed over. `client-left`: the client went away before. `broken`: the response
 * had begun and could not be completed.
 */
export type ServedEnd = "complete" | "client-left" | "broken";

export interface Served {
  /** When its first byte arrived, in milliseconds since the epoch; of pipelined requests, when its turn came. */
  readonly at: number;
  readonly requestId: string;
  readonly traceId: string;
  /** The client's address, as far as it is known. */
  readonly ip: string;
  /** "" when the request could not be read, and so with `host`, `target` and `protocol`. */
  readonly method: string;
  readonly host: string;
  readonly target: string;
  readonly protocol: "HTTP/1.0" | "HTTP/1.1" | "";
  /** 101 for a tunnel; 499 when the client left before there was a status, as nginx writes it. */
  readonly status: number;
  /** Head and body as they came over the wire, as far as they were taken. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
  /** From handing the request to the replica that answered to the head of its response; null when none did. */
  readonly upstreamMs: number | null;
  readonly projectId: string | null;
  /** Host and prefix of the route; null when there is none. */
  readonly route: string | null;
  readonly deploymentId: string | null;
  /** The replica asked last. */
  readonly address: string | null;
  /** Which page of the gateway's own was the answer; null = none, also for the answers of policies and redirects. */
  readonly page: PageKind | null;
  /** Attempts beyond the first. */
  readonly retries: number;
  readonly userAgent: string | null;
  readonly referer: string | null;
  readonly end: ServedEnd;
  /**
   * For a recorder of samples, which copies what it wants: a head keeps the whole text it was cut from alive, so it
   * must not be held longer than `onServed` runs.
   */
  readonly head: RequestHead | null;
}

/** Is filled in while the request lasts: one object for each, and what is rarely read is worked out when it is. */
export class RequestRecord implements Served {
  readonly at: number;
  readonly requestId: string;
  head: RequestHead | null = null;
  traceparent = "";
  ip = "";
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  durationMs = 0;
  upstreamMs: number | null = null;
  /** When the replica that was asked last got the request. */
  askedAt = 0;
  projectId: string | null = null;
  route: string | null = null;
  deploymentId: string | null = null;
  address: string | null = null;
  page: PageKind | null = null;
  retries = 0;
  end: ServedEnd = "complete";
  /** Of another node: none of what is told of requests is told of it. */
  isGossip = false;

  constructor(at: number, requestId: string) {
    this.at = at;
    this.requestId = requestId;
  }

  get traceId(): string {
    return traceIdOf(this.traceparent);
  }

  get method(): string {
    return this.head?.method ?? "";
  }

  get host(): string {
    return this.head?.host ?? "";
  }

  get target(): string {
    return this.head?.target ?? "";
  }

  get protocol(): Served["protocol"] {
    if (this.head === null) return "";
    return this.head.isHttp10 ? "HTTP/1.0" : "HTTP/1.1";
  }

  get userAgent(): string | null {
    return fieldIn(this.head?.forwarded ?? "", "user-agent") ?? null;
  }

  get referer(): string | null {
    return fieldIn(this.head?.forwarded ?? "", "referer") ?? null;
  }
}
