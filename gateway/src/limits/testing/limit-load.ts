/** Requests to simulated nodes, and what one bucket for all would have made of them. */
import { type LimitMode, UNKNOWN } from "../limiter.ts";
import type { PlaneLimits } from "../plane-limits.ts";
import type { LimitCluster } from "./limit-cluster.ts";

export interface Limit {
  readonly key: string;
  readonly rate: number;
  readonly burst: number;
  readonly mode: LimitMode;
}

/** Requests that come at random moments, what became of them, and what one bucket for all would have made of them. */
export class LimitLoad {
  /** When each was let through, in ms since the start. */
  readonly passed: number[] = [];
  arrived = 0;
  waited = 0;
  /** That one bucket for all would have let through. */
  wronglyRejected = 0;
  private readonly cluster: LimitCluster;
  private readonly limit: Limit;
  private readonly startedAt: number;
  private readonly ideal = { tokens: 0, at: 0, passed: 0 };
  private isOn = true;

  /** `rateAt`: requests a second at a node, so many ms after the start. */
  constructor(cluster: LimitCluster, limit: Limit, rateAt: (node: number, ms: number) => number) {
    this.cluster = cluster;
    this.limit = limit;
    this.startedAt = cluster.time.now();
    this.ideal.tokens = limit.burst;
    for (const index of cluster.nodes.keys()) this.next(index, rateAt);
  }

  get idealPassed(): number {
    return this.ideal.passed;
  }

  stop(): void {
    this.isOn = false;
  }

  /**
   * Requests let through beyond what one bucket could let through at most, the burst and what time gives: in that interval,
   * of all since `fromMs`, in which it was worst.
   */
  overshoot(fromMs = 0): number {
    const { rate, burst } = this.limit;
    let [most, least] = [0, 0];
    const times = this.passed.filter((at) => at >= fromMs).toSorted((a, b) => a - b);
    for (const [index, at] of times.entries()) {
      const beyond = index - (rate * at) / 1000;
      least = index === 0 ? beyond : Math.min(least, beyond);
      most = Math.max(most, beyond + 1 - least - burst);
    }
    return most;
  }

  /** Beyond the rate, in % of it, in each second from `fromMs` on. */
  windows(fromMs: number, toMs: number): readonly number[] {
    const { rate } = this.limit;
    const seconds = Math.floor((toMs - fromMs) / 1000);
    const counts = Array.from({ length: seconds }, () => 0);
    for (const at of this.passed) {
      const second = Math.floor((at - fromMs) / 1000);
      if (second >= 0 && second < seconds) counts[second] = (counts[second] ?? 0) + 1;
    }
    return counts.map((count) => (100 * (count - rate)) / rate);
  }

  passedBetween(fromMs: number, toMs: number): number {
    return this.passed.filter((at) => at >= fromMs && at < toMs).length;
  }

  private next(index: number, rateAt: (node: number, ms: number) => number): void {
    const { time, random } = this.cluster;
    const rate = rateAt(index, time.now() - this.startedAt);
    // While nothing comes it is asked again.
    const gapMs = rate > 0 ? (-Math.log(1 - random()) * 1000) / rate : 50;
    time.after(
      gapMs,
      () => {
        if (!this.isOn) return;
        if (rate > 0) this.arrive(index);
        this.next(index, rateAt);
      },
      false,
    );
  }

  private arrive(index: number): void {
    const node = this.cluster.nodes[index];
    if (node?.isRunning !== true) return;
    const plane = node.planes[Math.floor(this.cluster.random() * node.planes.length)];
    if (plane === undefined) return;
    this.arrived++;
    const isIdeal = this.ideallyPasses();
    void this.ask(plane, isIdeal, 0);
  }

  private async ask(plane: PlaneLimits, isIdeal: boolean, asks: number): Promise<void> {
    const { key, rate, burst, mode } = this.limit;
    const answer = plane.spend("scope", key, rate, burst, mode);
    if (answer === 0) this.passed.push(this.cluster.time.now() - this.startedAt);
    else if (answer === UNKNOWN && asks < 3) {
      if (asks === 0) this.waited++;
      await plane.whenKnown("scope", key);
      await this.ask(plane, isIdeal, asks + 1);
    } else if (isIdeal) this.wronglyRejected++;
  }

  private ideallyPasses(): boolean {
    const { ideal, limit } = this;
    const now = this.cluster.time.now() - this.startedAt;
    ideal.tokens = Math.min(limit.burst, ideal.tokens + ((now - ideal.at) * limit.rate) / 1000);
    ideal.at = now;
    if (ideal.tokens < 1) return false;
    ideal.tokens--;
    ideal.passed++;
    return true;
  }
}
