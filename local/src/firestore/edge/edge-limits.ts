/** What strangers may cost: every bound of the store's edge that a test may want to be smaller. */
import { CONNECTION_BOUNDS, type ConnectionBounds } from "../../serving/open-connections.ts";
import { SILENCE_MS } from "../../serving/shared-port.ts";

export interface EdgeLimits extends ConnectionBounds {
  /** A connection ends when it has not said within this time which protocol it speaks. */
  readonly silenceMs: number;
  /** From the first byte of an HTTP/1 request to the end of its headers. */
  readonly headersMs: number;
  /** From the first byte of an HTTP/1 request to the end of its body. */
  readonly requestMs: number;
  /** How often the two above are looked at. */
  readonly checkEveryMs: number;
  /** An HTTP/2 connection without a call ends after this. */
  readonly idleGrpcMs: number;
  /** A peer that does not answer a ping of HTTP/2, sent this often, is gone … */
  readonly pingEveryMs: number;
  /** … after this. */
  readonly pingPatienceMs: number;
  /** Calls that one HTTP/2 connection may have open; further ones wait at the client. */
  readonly maxCallsPerConnection: number;
  /** What one two-way call may owe to a client that does not read. */
  readonly maxUnsentBytes: number;
  /** What all two-way calls may owe. */
  readonly maxUnsentBytesInAll: number;
}

export const EDGE_LIMITS: EdgeLimits = {
  ...CONNECTION_BOUNDS,
  silenceMs: SILENCE_MS,
  headersMs: 15_000,
  // The largest request, 10 MiB, takes milliseconds here.
  requestMs: 60_000,
  checkEveryMs: 5_000,
  // Clients connect again by themselves; Google's front end ends idle connections after a few minutes as well.
  idleGrpcMs: 300_000,
  pingEveryMs: 60_000,
  pingPatienceMs: 20_000,
  // Google's client puts all its listeners on one connection, where those beyond the bound would wait for ever.
  maxCallsPerConnection: 1_000,
  // A first snapshot is sent at once and must fit: 60,000 documents of 1 KB.
  maxUnsentBytes: 64 * 1024 * 1024,
  maxUnsentBytesInAll: 256 * 1024 * 1024,
};
