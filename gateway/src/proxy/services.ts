/** What every client connection of one listener shares. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Backends, Files, NoMatch } from "../routing/match.ts";
import type { AttemptResult } from "../routing/outliers.ts";
import type { Site } from "../routing/site.ts";
import type { StickySource } from "../routing/split.ts";
import type { SiteReader } from "../static/site-reader.ts";
import type { ClientConnection } from "./client-connection.ts";
import type { EventClock } from "./event-clock.ts";
import type { GossipEntrance } from "./gossip-entrance.ts";
import type { Served } from "./served.ts";
import type { IsTrusted } from "./trusted-proxies.ts";
import type { UpstreamPool } from "./upstream-pool.ts";

/** Times in milliseconds; each one ends in a clear answer or a closed connection, never in a hang. */
export interface ProxyLimits {
  /** From the first byte of a head to its end: 408. */
  readonly headMs: number;
  /** Between two parts of a request body: 408, or 504 when it is the replica that takes nothing. */
  readonly bodyMs: number;
  /** From the end of the request to the head of the response: 504. */
  readonly answerMs: number;
  /**
   * Between two parts of a response body: the response is broken off. Generous, because an app may compute between two
   * parts; `text/event-stream` is exempt, because its silence means that nothing happened.
   */
  readonly responseMs: number;
  /** A tunnel through which nothing went, either way, is closed. */
  readonly tunnelMs: number;
  /** A client that takes nothing of its response for so long is cut off. */
  readonly stallMs: number;
  /** Keep-alive without a request. */
  readonly idleMs: number;
  /** Client connections at once; more are closed on arrival. */
  readonly maxClients: number;
  /** Payload of one request: 413. */
  readonly maxBodyBytes: number;
}

export const DEFAULT_PROXY_LIMITS: ProxyLimits = {
  headMs: 10_000,
  bodyMs: 30_000,
  answerMs: 60_000,
  responseMs: 5 * 60_000,
  tunnelMs: 60 * 60_000,
  stallMs: 60_000,
  idleMs: 60_000,
  maxClients: 10_000,
  maxBodyBytes: 1024 ** 3,
};

/** Counters since the start; each only grows. */
export interface ProxyMetrics {
  requests: number;
  /** Responses that came from a replica, or from the files of a static site. */
  forwarded: number;
  /** Answers the gateway gave itself. */
  pages: number;
  /** Attempts on another address or another connection. */
  retried: number;
  /** Responses that broke off after they had begun. */
  broken: number;
  /** Requests that waited for the answer of a limit. */
  waited: number;
}

export interface ProxyServices {
  readonly clock: EventClock;
  readonly timers: Timers;
  readonly limits: ProxyLimits;
  readonly pool: UpstreamPool;
  readonly metrics: ProxyMetrics;
  /** The scheme clients use, for X-Forwarded-Proto. */
  readonly publicScheme: "http" | "https";
  /** Whether a peer is believed when it says who its client is. */
  readonly isTrusted: IsTrusted;
  /** null = other nodes do not come in here. */
  readonly gossip: GossipEntrance | null;
  /** `host` as routes know it, `target` as received. */
  readonly findSite: (host: string, target: string) => Site | NoMatch;
  /** The replicas to try, in order; `wanted` is the target a policy chose, or null. */
  readonly chooseBackends: (
    site: Site,
    source: StickySource,
    wanted: string | null,
  ) => Backends | Files | NoMatch;
  readonly sites: SiteReader;
  /** How an attempt on a replica went; nothing is told of those a client gave up. */
  readonly onAttempt: (address: string, result: AttemptResult) => void;
  /** Is called once for each request but those of other nodes, when it is over; must be quick and must not throw. */
  readonly onServed: (served: Served) => void;
  readonly onClosed: (connection: ClientConnection) => void;
  readonly isDraining: () => boolean;
  readonly nextRequestId: () => string;
  readonly nextTraceparent: () => string;
}
