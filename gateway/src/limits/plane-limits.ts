/** Limits in one data plane: decides at once, and tells and hears the node's part in between. */
import type { Timers } from "@bifrost/shared/domain/time";
import { LeaseHolder } from "./lease-holder.ts";
import {
  AT_ONCE_MS,
  REPORT_USE_MS,
  type LimitsFromPlane,
  type LimitsToPlane,
} from "./limit-messages.ts";
import type { LimitMode, Limiter } from "./limiter.ts";
import { Soonest } from "./soonest.ts";
import { shortKey, TokenBuckets } from "./token-buckets.ts";

/** Without a word for so long, others are not expected to spend any more. */
const SILENCE_MS = 10_000;

export class PlaneLimits implements Limiter {
  private readonly timers: Timers;
  private readonly tell: (message: LimitsFromPlane) => void;
  private readonly shared: TokenBuckets;
  private readonly split: TokenBuckets;
  private readonly leases: LeaseHolder;
  private heardAt = -Infinity;
  private isOpen = true;

  /** Nothing of it keeps the process alive. */
  constructor(timers: Timers, tell: (message: LimitsFromPlane) => void) {
    this.timers = timers;
    this.tell = tell;
    this.shared = new TokenBuckets(timers);
    this.split = new TokenBuckets(timers);
    this.leases = new LeaseHolder(timers, (asks) => tell({ kind: "ask", asks }));
    const atOnce = new Soonest(timers, () => this.report());
    this.shared.onMuch = this.split.onMuch = () => atOnce.within(AT_ONCE_MS);
    tell({ kind: "up" });
    this.reportLater();
  }

  spend(scope: string, key: string, rate: number, burst: number, mode: LimitMode): number {
    if (mode === "balanced") return this.shared.spend(scope, key, rate, burst);
    if (mode === "split") return this.split.spend(scope, key, rate, burst);
    return this.leases.spend(scope, shortKey(key), rate, burst);
  }

  /** Takes what was used already, and may leave a debt of one burst, or of what a second gives, at most. */
  charge(
    scope: string,
    key: string,
    tokens: number,
    rate: number,
    burst: number,
    mode: LimitMode,
  ): void {
    if (mode === "strict") this.leases.charge(scope, shortKey(key), tokens, rate, burst);
    else this[mode === "split" ? "split" : "shared"].charge(scope, key, tokens, rate, burst);
  }

  whenKnown(scope: string, key: string): Promise<void> {
    return this.leases.whenKnown(scope, shortKey(key));
  }

  /** Keys that are remembered. */
  get keys(): number {
    return this.shared.size + this.split.size + this.leases.keys;
  }

  hear(message: LimitsToPlane): void {
    this.heardAt = this.timers.now();
    switch (message.kind) {
      case "elsewhere":
        this.shared.hear(message.shared);
        this.split.hear(message.split);
        break;
      case "leases":
        this.leases.hear(message.answers);
        break;
      case "reach":
        this.shared.part = message.shared;
        this.split.part = message.split;
        break;
    }
  }

  close(): void {
    this.isOpen = false;
  }

  private reportLater(): void {
    this.timers.after(REPORT_USE_MS, () => {
      this.report();
      if (this.isOpen) this.reportLater();
    });
  }

  private report(): void {
    if (!this.isOpen) return;
    if (this.shared.hasUses || this.split.hasUses) {
      const [shared, split] = [this.shared.takeUses(), this.split.takeUses()];
      this.tell({ kind: "used", shared, split });
    }
    if (this.heardAt > this.timers.now() - SILENCE_MS) return;
    if (this.heardAt === -Infinity) return;
    this.heardAt = -Infinity;
    this.shared.expectNothing();
    this.split.expectNothing();
  }
}
