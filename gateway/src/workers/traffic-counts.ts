/** What the requests served since the last report add up to. */
import type { Served } from "../proxy/served.ts";
import { count } from "./counts.ts";

/** Upper bounds in seconds: from a page out of memory to the longest wait the proxy allows. */
export const DURATION_BOUNDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const;

/** By the first digit of the status. */
const CLASSES = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

// Type aliases, not interfaces: only those are assignable to records.
export type Distribution = {
  /** One more than there are bounds. */
  readonly counts: readonly number[];
  /** In seconds. */
  readonly sum: number;
};

export type TrafficCounts = {
  /** By class of status: `2xx`. */
  readonly classes: ReadonlyMap<string, number>;
  /** The gateway's own answers, by page. */
  readonly pages: ReadonlyMap<string, number>;
  readonly projects: ReadonlyMap<string, number>;
  readonly retries: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly duration: Distribution;
  readonly upstream: Distribution;
};

export class TrafficMeter {
  private classes: number[] = CLASSES.map(() => 0);
  private pages = new Map<string, number>();
  private projects = new Map<string, number>();
  private retries = 0;
  private bytesIn = 0;
  private bytesOut = 0;
  private duration = new Durations();
  private upstream = new Durations();

  record(served: Served): void {
    const digit = Math.floor(served.status / 100);
    this.classes[digit] = (this.classes[digit] ?? 0) + 1;
    if (served.page !== null) count(this.pages, served.page);
    if (served.projectId !== null) count(this.projects, served.projectId);
    this.retries += served.retries;
    this.bytesIn += served.bytesIn;
    this.bytesOut += served.bytesOut;
    this.duration.observe(served.durationMs);
    if (served.upstreamMs !== null) this.upstream.observe(served.upstreamMs);
  }

  /** What was recorded since the last call. */
  take(): TrafficCounts {
    const { pages, projects, retries, bytesIn, bytesOut } = this;
    const taken = {
      classes: new Map(
        this.classes.flatMap((total, digit) =>
          total > 0 ? [[CLASSES[digit] ?? "other", total] as const] : [],
        ),
      ),
      pages,
      projects,
      retries,
      bytesIn,
      bytesOut,
      duration: this.duration.distribution(),
      upstream: this.upstream.distribution(),
    };
    this.classes = CLASSES.map(() => 0);
    this.pages = new Map();
    this.projects = new Map();
    this.retries = this.bytesIn = this.bytesOut = 0;
    this.duration = new Durations();
    this.upstream = new Durations();
    return taken;
  }
}

class Durations {
  private readonly counts: number[] = Array.from({ length: DURATION_BOUNDS.length + 1 }, () => 0);
  private sum = 0;

  observe(ms: number): void {
    const seconds = ms / 1000;
    let bucket = 0;
    while (seconds > (DURATION_BOUNDS[bucket] ?? Infinity)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += seconds;
  }

  distribution(): Distribution {
    return { counts: this.counts, sum: this.sum };
  }
}
