/** Time is an argument everywhere: code that decides takes a Clock, code that waits takes Timers. */

/** Milliseconds since the Unix epoch. */
export interface Clock {
  now(): number;
}

export interface Timer {
  cancel(): void;
}

/** A clock that can also wait; virtual in tests, the process's own otherwise. */
export interface Timers extends Clock {
  /** Runs `task` once after `delayMs`; the timer never keeps the process alive by itself. */
  after(delayMs: number, task: () => void): Timer;
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemTimers: Timers = {
  now: () => Date.now(),
  after(delayMs, task) {
    const handle = setTimeout(task, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const end = () => {
        clearTimeout(handle);
        signal?.removeEventListener("abort", end); // a long-lived signal must not collect listeners
        resolve();
      };
      const handle = setTimeout(end, delayMs);
      signal?.addEventListener("abort", end, { once: true });
      return undefined;
    });
  },
};

/** Counts from the start of the process and never jumps, whatever is done to the clock: for how long ago something was. */
export const steadyTimers: Timers = { ...systemTimers, now: () => performance.now() };

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const DURATION = /^(\d{1,9})(ms|s|m|h)$/;

/** Parses `"30s"`, `"500ms"`, `"5m"`, `"1h"` to milliseconds; undefined for anything else. */
export function parseDurationMs(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  const unit = match[2] as keyof typeof UNIT_MS;
  return Number(match[1]) * UNIT_MS[unit];
}

/** `61_500` → `"1m 1s"`, `900` → `"0.9s"`: for people, never parsed back. */
export function formatDuration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}
