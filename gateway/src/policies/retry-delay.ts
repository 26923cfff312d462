/** How long to wait before the n-th repetition: doubling, with an end. */
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;

export function retryDelayMs(failures: number): number {
  return Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 16), LONGEST_MS);
}
