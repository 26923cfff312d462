/** `dial_timeout`: how long an answer is waited for. */
import type { Timers } from "@bifrost/shared/domain/time";

/** Of a goodbye: where nobody answers, what a node left behind is removed in time. */
export const GOODBYE_MS = 2000;

export class NoAnswer extends Error {
  constructor(limitMs: number) {
    super(`timeout waiting for response: none within ${limitMs} ms`);
  }
}

/** Rejects with NoAnswer when the limit passes first; whatever `work` comes to later is nobody's any more. */
export function within<T>(timers: Timers, limitMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = timers.after(limitMs, () => reject(new NoAnswer(limitMs)));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
