/** What every client connection of one listener shares. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Backends, NoMatch } from "../routing/match.ts";
import type { Site } from "../routing/site.ts";
import type { StickySource } from "../routing/split.ts";
import type { ClientConnection } from "./client-connection.ts";
import type { Served } from "./served.ts";
import type { UpstreamPool } from "./upstream-pool.ts";

/** Times in milliseconds; each one ends in a clear answer or a closed connection, never in a hang. */
export interface ProxyLimits {
  /** From the first byte of a head to its end: 408. */
  readonly headMs: number;
  /** Between two parts of a request body: 408. */
  readonly bodyMs: number;
  /** From the end of the request to the head of the response: 504. */
  readonly answerMs: number;
  /** A client that takes nothing of its response for so long is cut off. */
  readonly stallMs: number;
  /** Keep-alive without a request. */
  readonly idleMs: number;
  /** Client connections at once; more are closed on arrival. */
  readonly maxClients: number;
}

export const DEFAULT_PROXY_LIMITS: ProxyLimits = {
  headMs: 10_000,
  bodyMs: 30_000,
  answerMs: 60_000,
  stallMs: 60_000,
  idleMs: 60_000,
  maxClients: 10_000,
};

/** Counters since the start; each only grows. */
export interface ProxyMetrics {
  requests: number;
  /** Responses that came from a replica. */
  forwarded: number;
  /** Answers the gateway gave itself. */
  pages: number;
  /** Attempts on another address or another connection. */
  retried: number;
  /** Responses that broke off after they had begun. */
  broken: number;
}

export interface ProxyServices {
  readonly timers: Timers;
  readonly limits: ProxyLimits;
  readonly pool: UpstreamPool;
  readonly metrics: ProxyMetrics;
  /** The scheme clients use, for X-Forwarded-Proto. */
  readonly publicScheme: "http" | "https";
  /** `host` as routes know it, `target` as received. */
  readonly findSite: (host: string, target: string) => Site | NoMatch;
  /** The replicas to try, in order; `wanted` is the target a policy chose, or null. */
  readonly chooseBackends: (
    site: Site,
    source: StickySource,
    wanted: string | null,
  ) => Backends | NoMatch;
  readonly onRefused: (address: string) => void;
  /** Told once for each answered request. */
  readonly onServed: (served: Served) => void;
  readonly onClosed: (connection: ClientConnection) => void;
  readonly isDraining: () => boolean;
  readonly nextRequestId: () => string;
}
