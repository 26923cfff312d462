/** Timers for which waiting costs nothing: a sleep moves the clock and goes on at once. */
import type { Timers } from "../domain/time.ts";

export interface HastyTimers extends Timers {
  /** Moves the clock by hand. */
  pass(ms: number): void;
}

export function hastyTimers(start = Date.parse("2026-01-01T00:00:00.000Z")): HastyTimers {
  let now = start;
  return {
    now: () => now,
    pass: (ms) => {
      now += ms;
    },
    // Nothing under test waits for these: they are heartbeats.
    after: () => ({ cancel() {} }),
    async sleep(ms) {
      now += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
