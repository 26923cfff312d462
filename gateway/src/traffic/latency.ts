/**
 * Durations as a DDSketch counts them: in bins that grow wider with the value, so that a quantile is right within 1 % however
 * long the durations are, and what several nodes counted adds up without loss.
 */
import { DDSketch } from "@datadog/sketches-js";

/** How many durations fell into each bin. */
export type LatencyBins = ReadonlyMap<number, number>;

const ACCURACY = { relativeAccuracy: 0.01 };
const { mapping } = new DDSketch(ACCURACY);

/** What the clock shows as 0 took less than a millisecond. */
const LEAST_MS = 0.5;
/** Together with the accuracy it bounds the bins that there can be. */
const LONGEST_MS = 3_600_000;

export const FIRST_BIN = binOf(0);
export const LAST_BIN = binOf(LONGEST_MS);

export function binOf(ms: number): number {
  return mapping.key(Math.min(Math.max(ms, LEAST_MS), LONGEST_MS));
}

/** In milliseconds, for each of `shares`; 0 where nothing was counted. */
export function quantilesOf(bins: LatencyBins, shares: readonly number[]): readonly number[] {
  const sketch = new DDSketch(ACCURACY);
  for (const [bin, count] of bins) sketch.accept(mapping.value(bin), count);
  return shares.map((share) => (sketch.count === 0 ? 0 : sketch.getValueAtQuantile(share)));
}

export function addBins(to: Map<number, number>, added: LatencyBins): void {
  for (const [bin, count] of added) to.set(bin, (to.get(bin) ?? 0) + count);
}
