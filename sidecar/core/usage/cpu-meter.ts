/** CPU used between two readings of counters that may go back when processes end. */
export class CpuMeter {
  /** Ticks used within the last `overMs`; 0 over 0 at first. */
  ticks: f64 = 0;
  overMs: f64 = 0;
  private lastTicks: f64 = 0;
  private lastAt: f64 = -1;
  private hasGoneBack: bool = false;

  /** `isNewApp`: none of these ticks were there at the last reading. */
  record(total: f64, now: f64, isNewApp: bool): void {
    const isFirst = this.lastAt < 0;
    if (isNewApp) this.lastTicks = 0;
    this.ticks = isFirst ? 0 : Math.max(0, total - this.lastTicks);
    this.overMs = isFirst ? 0 : now - this.lastAt;
    // A process that ended while its parent had been read already is missing this once and comes back in the parent's
    // counters: the old reading stays the measure, or its ticks would count a second time.
    const isBack = !isFirst && total < this.lastTicks;
    const isKept = isBack && !this.hasGoneBack;
    this.hasGoneBack = isKept;
    if (isKept) return;
    this.lastTicks = total;
    this.lastAt = now;
  }
}
