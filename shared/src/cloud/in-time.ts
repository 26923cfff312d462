/** How long an answer from elsewhere is waited for. */
import type { Timers } from "../domain/time.ts";

/** The server is slow, or the connection leads nowhere. */
export class NoAnswer extends Error {
  constructor(limitMs: number) {
    super(`no answer within ${limitMs / 1000} s`);
  }
}

/** Rejects with NoAnswer; whatever comes later is nobody's any more. */
export async function inTime<Answer>(
  timers: Timers,
  limitMs: number,
  answer: Promise<Answer>,
): Promise<Answer> {
  const over = new AbortController();
  const late = timers.sleep(limitMs, over.signal).then(() => {
    throw new NoAnswer(limitMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    over.abort();
    late.catch(() => {});
  }
}
