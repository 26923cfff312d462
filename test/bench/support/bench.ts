/** What every benchmark hands to `npm run bench`. */
export interface Row {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** What the value is meant to reach: at most that many seconds, or at least that many per second. */
  readonly reach?: number;
}

export interface BenchOptions {
  /** Fewer and shorter rounds, for a first look. */
  readonly isQuick: boolean;
}

export interface BenchResult {
  readonly rows: readonly Row[];
}

/** The value that `share` of all do not exceed; 0 of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

/** Milliseconds as seconds with two digits. */
export function seconds(ms: number): number {
  return Math.round(ms / 10) / 100;
}
