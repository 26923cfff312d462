/** The second line of defence: a worker whose event loop does not turn is killed, whatever holds it up. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";

export interface WatchdogLimits {
  /** A worker that was not heard of for so long is lost. */
  readonly silenceMs: number;
  /** The same until it listens for the first time. */
  readonly startMs: number;
}

export const DEFAULT_WATCHDOG_LIMITS: WatchdogLimits = { silenceMs: 5000, startMs: 30_000 };

export interface Watched {
  readonly heardAt: number;
  readonly isListening: boolean;
}

export function isLost(worker: Watched, now: number, limits: WatchdogLimits): boolean {
  const limit = worker.isListening ? limits.silenceMs : limits.startMs;
  return now - worker.heardAt > limit;
}

/** How often it looks. */
const LOOK_MS = 500;

export interface WatchdogOptions<Worker extends Watched> {
  readonly timers: Timers;
  readonly limits: WatchdogLimits;
  readonly workers: () => Iterable<Worker>;
  readonly onLost: (worker: Worker) => void;
}

/** Answers the function that stops it. */
export function startWatchdog<Worker extends Watched>(
  options: WatchdogOptions<Worker>,
): () => void {
  const { timers, limits } = options;
  let timer: Timer;
  let lookedAt = timers.now();
  /** The parent itself slept or was suspended: what workers sent meanwhile is not read yet. */
  let trustedFrom = lookedAt;
  function look(): void {
    const now = timers.now();
    if (now - lookedAt > 4 * LOOK_MS) trustedFrom = now;
    lookedAt = now;
    for (const worker of options.workers()) {
      const { isListening } = worker;
      const heardAt = Math.max(worker.heardAt, trustedFrom);
      if (isLost({ heardAt, isListening }, now, limits)) options.onLost(worker);
    }
    timer = timers.after(LOOK_MS, look);
  }
  timer = timers.after(LOOK_MS, look);
  return () => timer.cancel();
}
