/** How many a second one source asks for: what is extrapolated between its reports. */

/** Averaged over about this time. */
const DEMAND_MS = 300;
/** So many requests expected, and none came: it has stopped. */
const SURELY_STOPPED = 4;
const ALMOST_NONE = 0.1;
/** A rate is that of so long, at least. */
const LEAST_MS = 90;

export class Demand {
  /** A second; 0 until a second report says how long the first one's requests took to come. */
  perSecond = 0;
  /** When it was last counted. */
  at: number;
  private quietMs = 0;
  /** Since it was last averaged. */
  private asked = 0;
  private ms = 0;
  private isFirst = true;
  private isMeasured = false;

  constructor(at: number) {
    this.at = at;
  }

  /** `ms`: the time in which so many were asked for. */
  count(asked: number, ms: number, now: number): void {
    this.at = now;
    if (this.isFirst) {
      this.isFirst = false;
      return;
    }
    this.asked += asked;
    this.ms += ms;
    // What was told at once says little of how it goes on.
    if (this.ms < LEAST_MS) return;
    if (this.asked > 0) this.average((this.asked * 1000) / this.ms, this.ms);
    else this.quiet(this.ms);
    this.asked = this.ms = 0;
  }

  /** What will have been asked for since it was counted. */
  since(now: number): number {
    return (this.perSecond * Math.max(0, now - this.at)) / 1000;
  }

  stop(): void {
    this.perSecond = this.asked = this.ms = 0;
  }

  private average(perSecond: number, ms: number): void {
    this.quietMs = 0;
    const weight = this.isMeasured ? 1 - Math.exp(-ms / DEMAND_MS) : 1;
    this.isMeasured = true;
    this.perSecond += weight * (perSecond - this.perSecond);
  }

  private quiet(ms: number): void {
    this.quietMs += ms;
    const missed = (this.perSecond * this.quietMs) / 1000;
    if (missed >= SURELY_STOPPED || this.perSecond < ALMOST_NONE) this.perSecond = 0;
    else this.perSecond *= Math.exp(-ms / DEMAND_MS);
  }
}
