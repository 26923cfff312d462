/**
 * A stand-in is an embedded server that speaks one Google product's real protocol, so that the product's
 * own client library, unmodified, cannot tell the difference within the documented subset. What lies outside
 * the subset is refused by name (gRPC UNIMPLEMENTED, HTTP 501), never silently accepted.
 */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";

/** What every stand-in is given; each adds its own options to this. */
export interface StandInOptions {
  /** Directory of this product alone; created when missing. Absent = keep everything in memory. */
  readonly dataDir?: string;
  /** TCP port on 127.0.0.1; 0 or absent picks a free one. */
  readonly port?: number;
  readonly timers: Timers;
  readonly log: Logger;
}

export interface RunningStandIn {
  /** Product name as the registry lists it, for example `"pubsub"`. */
  readonly product: string;
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Facts for status pages and tests: counts, never secrets. */
  info(): Readonly<Record<string, unknown>>;
  /** Closes sockets, ends children, flushes files. Safe to call twice. */
  stop(): Promise<void>;
}
