/** How long to leave a collector alone that failed. */

/** Before the first delivery the collector may just be starting. */
const EAGER_PAUSE_MS: f64 = 100;
const PAUSE_MS: f64 = 500;
const MAX_PAUSE_MS: f64 = 30_000;

export class Backoff {
  /** No attempt before. */
  retryAt: f64 = 0;
  private pauseMs: f64 = 0;
  private hasDelivered: bool = false;

  /** `random` from 0 to 1: half of a pause is random, a thousand sidecars must not come back in the same instant. */
  failed(now: f64, random: f64): void {
    const first = this.hasDelivered ? PAUSE_MS : EAGER_PAUSE_MS;
    this.pauseMs = this.pauseMs === 0 ? first : Math.min(this.pauseMs * 2, MAX_PAUSE_MS);
    this.retryAt = now + Math.ceil(this.pauseMs * (0.5 + random / 2));
  }

  delivered(): void {
    this.pauseMs = 0;
    this.hasDelivered = true;
  }

  /** The next attempt may come at once. */
  hurry(now: f64): void {
    this.retryAt = Math.min(this.retryAt, now);
  }
}
