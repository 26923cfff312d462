/** When a worker that ended is followed by the next one. */

/** Ends that are longer ago say nothing any more. */
const WINDOW_MS = 60_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;
/** Ends within the window that make a crash loop. */
const LOOP = 5;

/** `ends`: times at which workers of one position ended by themselves, the newest included. */
export function restartDelayMs(ends: readonly number[], now: number): number {
  const recent = recentEnds(ends, now).length;
  // A single accident costs no time: its clients come back at once.
  if (recent <= 1) return 0;
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (recent - 2));
}

export function isCrashLoop(ends: readonly number[], now: number): boolean {
  return recentEnds(ends, now).length >= LOOP;
}

export function recentEnds(ends: readonly number[], now: number): readonly number[] {
  return ends.filter((at) => now - at < WINDOW_MS);
}
