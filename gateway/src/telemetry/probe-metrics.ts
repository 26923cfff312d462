/** What all samples say together: how probes ended and how long they took. */
import type { Replica } from "@bifrost/shared/domain/replica";
import type { TakenSample } from "./sample-feed.ts";

/** Upper bounds of the latency's buckets, in seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export interface Histogram {
  readonly bounds: readonly number[];
  /** Of each bound what is at most that and above the one before; the last is above all of them. */
  readonly counts: readonly number[];
  readonly sum: number;
}

export class ProbeMetrics {
  readonly results: Record<Replica["lastResult"], number> = {
    none: 0,
    ok: 0,
    refused: 0,
    timeout: 0,
    status: 0,
    error: 0,
  };
  private readonly counts: number[] = Array.from({ length: BOUNDS.length + 1 }, () => 0);
  private sum = 0;

  record(samples: readonly TakenSample[]): void {
    for (const { replica } of samples) {
      this.results[replica.lastResult]++;
      // Without a probe there is no latency.
      if (replica.lastResult !== "none") this.observe(replica.latencyMs / 1000);
    }
  }

  latency(): Histogram {
    return { bounds: BOUNDS, counts: [...this.counts], sum: this.sum };
  }

  private observe(seconds: number): void {
    const index = BOUNDS.findIndex((bound) => seconds <= bound);
    const bucket = index < 0 ? BOUNDS.length : index;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += seconds;
  }
}
