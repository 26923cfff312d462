/** Timers that move only when told. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";

export interface VirtualTimers extends Timers {
  /** Runs all that falls due within `ms`, in order; promises settle in between. */
  advance(ms: number): Promise<void>;
  /** Time passes in which nothing runs, as in a suspended process. */
  jump(ms: number): void;
}

export function virtualTimers(start = 1_000_000): VirtualTimers {
  let now = start;
  const due = new Set<{ readonly at: number; readonly task: () => void }>();
  const after = (delayMs: number, task: () => void): Timer => {
    const entry = { at: now + Math.max(0, delayMs), task };
    due.add(entry);
    return { cancel: () => due.delete(entry) };
  };
  return {
    now: () => now,
    after,
    sleep: (delayMs) => new Promise((resolve) => void after(delayMs, resolve)),
    jump: (ms) => void (now += ms),
    async advance(ms) {
      const end = now + ms;
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        const [next] = [...due].filter((entry) => entry.at <= end).toSorted((a, b) => a.at - b.at);
        if (next === undefined) break;
        due.delete(next);
        now = Math.max(now, next.at);
        next.task();
      }
      now = end;
    },
  };
}
