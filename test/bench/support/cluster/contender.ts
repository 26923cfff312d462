/** One implementation of a gossip cluster as the benchmark drives it: real processes, one for each node. */
import type { Place } from "./place.ts";

export type NodeEvent =
  | { readonly kind: "joined"; readonly member: string; readonly at: number }
  /** Taken for dead. */
  | { readonly kind: "failed"; readonly member: string; readonly at: number }
  | { readonly kind: "suspected"; readonly member: string; readonly at: number }
  | { readonly kind: "heard"; readonly id: string; readonly at: number };

/** What one node sends while nothing happens. */
export interface IdleTraffic {
  readonly packetsPerSecond: number;
  readonly bytesPerSecond: number;
  /** null = not counted. */
  readonly streamBytesPerSecond: number | null;
}

export interface RunningNode {
  readonly name: string;
  readonly pid: number;
  /** In the order in which this process learnt of them, by performance.now(). */
  readonly events: readonly NodeEvent[];
  onEvent(listener: (event: NodeEvent) => void): () => void;
  /** Tells all others 100 bytes. */
  broadcast(id: string): Promise<void>;
  /** UDP payloads of the next `ms` milliseconds, at least 25,000. */
  idleTraffic(ms: number): Promise<IdleTraffic>;
  /** After a collection; of Node processes that can be asked. */
  readonly heapBytes?: () => Promise<number>;
  kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
  /** Ends it, without a word to the others. */
  stop(): Promise<void>;
}

/** Everyone seals what it sends, with this. */
export const BENCH_KEY = Buffer.alloc(32, "bench").toString("base64");

export interface Contender {
  readonly name: string;
  /** Why it cannot run here; null = it can. */
  lacks(): string | null;
  /** `seed` = a node to join; null = the first one. Resolves when it answers others. */
  start(name: string, place: Place, seed: Place | null): Promise<RunningNode>;
}
