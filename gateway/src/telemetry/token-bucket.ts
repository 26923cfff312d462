/** Lets through `perSecond` on average and `burst` at once. */
export class TokenBucket {
  private readonly perSecond: number;
  private readonly burst: number;
  private tokens: number;
  private filledAt: number;

  constructor(perSecond: number, burst: number, now: number) {
    this.perSecond = perSecond;
    this.burst = burst;
    this.tokens = burst;
    this.filledAt = now;
  }

  /** Takes `count` tokens, or none; ms until there are as many, 0 = taken. */
  take(count: number, now: number): number {
    const waitMs = this.waitMs(count, now);
    if (waitMs === 0) this.tokens -= count;
    return waitMs;
  }

  /** Ms until `count` tokens are there. More than a burst are never there: the whole burst stands for them. */
  waitMs(count: number, now: number): number {
    this.fill(now);
    const missing = Math.min(count, this.burst) - this.tokens;
    return missing <= 0 ? 0 : Math.ceil((missing * 1000) / this.perSecond);
  }

  isFull(now: number): boolean {
    this.fill(now);
    return this.tokens >= this.burst;
  }

  /** A clock that was set back adds nothing. */
  private fill(now: number): void {
    const elapsedMs = Math.max(0, now - this.filledAt);
    this.tokens = Math.min(this.burst, this.tokens + (elapsedMs * this.perSecond) / 1000);
    this.filledAt = now;
  }
}
