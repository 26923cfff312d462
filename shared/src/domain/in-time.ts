/** How long an answer from elsewhere is waited for. */
import type { Timers } from "./time.ts";

/** The server is slow, or the connection leads nowhere. Its first words are what people look for in logs. */
export class NoAnswer extends Error {
  constructor(limitMs: number) {
    super(`timeout waiting for response: none within ${limitMs} ms`);
  }
}

/** Rejects with `late` when the limit passes first; whatever `answer` comes to then is nobody's any more. */
export function inTime<Answer>(
  timers: Timers,
  limitMs: number,
  answer: Promise<Answer>,
  late: () => Error = () => new NoAnswer(limitMs),
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = timers.after(limitMs, () => reject(late()));
    answer.then(resolve, reject).finally(() => timer.cancel());
  });
}
