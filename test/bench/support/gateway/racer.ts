/** What is compared in one race, and what was seen of each contender. */
import type { RunningContender, Task } from "./contender.ts";
import type { Latency } from "./load.ts";

/** Requests per second of the latency rounds: far below what any of them can do. */
export const RATE = 4000;

export interface Race {
  readonly title: string;
  readonly task: Task;
  /** What the gateway's requests per second are to be of the base's. */
  readonly reach?: number;
  /** Whether latency at a fixed rate is measured as well. */
  readonly isRated: boolean;
}

export interface Round {
  readonly perSecond: number;
  readonly cpuUs: number;
  /** Share of the time in which the proxy was on a core. */
  readonly busy: number;
}

/** One contender as it runs, and what was seen of it. */
export interface Racer {
  readonly name: string;
  readonly running: RunningContender;
  readonly rounds: Round[];
  readonly latencies: Latency[];
  residentMb: number;
}
