/** Waiting for something that other processes bring about. */
import { setTimeout as sleep } from "node:timers/promises";

export interface UntilOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
  /** Names what was waited for when it does not come. */
  readonly what?: string;
}

/**
 * Asks again and again until the answer is neither null, undefined nor false, and returns it.
 * Throws with the last error after `timeoutMs`, 30 s unless said otherwise.
 */
export async function until<T>(
  ask: () => Promise<T> | T,
  options: UntilOptions = {},
): Promise<Exclude<T, null | undefined | false>> {
  const { timeoutMs = 30_000, everyMs = 50, what = "what was waited for" } = options;
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== null && answer !== undefined && answer !== false) {
        return answer as Exclude<T, null | undefined | false>;
      }
    } catch (error) {
      last = error;
    }
    await sleep(everyMs);
  }
  throw new Error(`${what} did not come within ${timeoutMs} ms`, { cause: last });
}
