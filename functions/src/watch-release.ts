/** Looks at a release again and again for a bounded time, so that a workflow step answers soon after something happens. */
import type { Timers } from "@bifrost/shared/domain/time";

export interface WatchSettings {
  readonly timers: Timers;
  /** Longest time one call waits before it hands back to the workflow, which calls again. */
  readonly windowMs: number;
}

/** First look-ups come quickly, later ones rarely: a start takes a fraction of a second or many seconds. */
const FIRST_POLL_MS = 40;
const LAST_POLL_MS = 500;
const GROWTH = 1.4;

/** Calls `look` until it answers something or the window is over; then null. */
export async function watch<T>(
  settings: WatchSettings,
  look: () => Promise<T | null>,
): Promise<T | null> {
  const { timers, windowMs } = settings;
  const end = timers.now() + windowMs;
  for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * GROWTH, LAST_POLL_MS)) {
    const found = await look();
    if (found !== null || timers.now() + pause > end) return found;
    await timers.sleep(pause);
  }
}
