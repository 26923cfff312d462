/** A limiter whose strict keys are unknown until a test tells of them; all other modes have tokens without end. */
import { type Limiter, type LimitMode, UNKNOWN } from "../limits/limiter.ts";

/** Seconds to wait for a key whose tokens are spent. */
const SPENT_SECONDS = 5;

export class FakeLimiter implements Limiter {
  /** Keys of the tokens that were taken, in their order. */
  readonly taken: string[] = [];
  /** Tokens left, of the keys that are known. */
  private readonly left = new Map<string, number>();
  private waiting = new Map<string, (() => void)[]>();

  spend(_scope: string, key: string, _rate: number, _burst: number, mode: LimitMode): number {
    const left = mode === "strict" ? this.left.get(key) : Infinity;
    if (left === undefined) return UNKNOWN;
    if (left === 0) return SPENT_SECONDS;
    this.left.set(key, left - 1);
    this.taken.push(key);
    return 0;
  }

  whenKnown(_scope: string, key: string): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.waiting.get(key) ?? [];
      waiting.push(resolve);
      this.waiting.set(key, waiting);
    });
  }

  /** How many wait for a key. */
  waitingFor(key: string): number {
    return this.waiting.get(key)?.length ?? 0;
  }

  /** The key is known from now on, with so many tokens. */
  tell(key: string, tokens: number): void {
    this.left.set(key, tokens);
    this.wake(key);
  }

  /** Who waits for the key asks again, and finds it as unknown as before. */
  wake(key: string): void {
    const waiting = this.waiting.get(key) ?? [];
    this.waiting.delete(key);
    for (const resolve of waiting) resolve();
  }
}
