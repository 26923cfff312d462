/** Spends what a call costs from the buckets that all nodes share. */
import { type LimitMode, type Limiter, UNKNOWN } from "../limits/limiter.ts";
import type { Budget } from "./budgets.ts";

export interface ChargingLimiter extends Limiter {
  /** Takes what was used already, and may leave a debt of one burst, or of what a second gives, at most. */
  charge(
    scope: string,
    key: string,
    tokens: number,
    rate: number,
    burst: number,
    mode: LimitMode,
  ): void;
}

/** How often an owner is asked who has not answered yet. */
const MOST_ASKS = 2;
/** Told to a caller whose limit nobody answered for. */
const UNANSWERED_SECONDS = 1;

export class ProviderLimits {
  private readonly limiter: ChargingLimiter;

  constructor(limiter: ChargingLimiter) {
    this.limiter = limiter;
  }

  /** One of each budget; null = there is room in all, otherwise the budget without and the seconds until it has some. */
  async begin(
    budgets: readonly Budget[],
  ): Promise<{ readonly budget: Budget; readonly seconds: number } | null> {
    for (const budget of budgets) {
      const seconds = await this.spend(budget);
      if (seconds > 0) return { budget, seconds };
    }
    return null;
  }

  /** What the answer took, beyond the one token that `begin` spent. */
  end(budgets: readonly Budget[], tokens: number): void {
    if (tokens <= 1) return;
    for (const { counts, scope, key, rate, burst, mode } of budgets) {
      if (counts === "tokens") this.limiter.charge(scope, key, tokens - 1, rate, burst, mode);
    }
  }

  private async spend({ scope, key, rate, burst, mode }: Budget): Promise<number> {
    for (let asks = 0; asks < MOST_ASKS; asks++) {
      const seconds = this.limiter.spend(scope, key, rate, burst, mode);
      if (seconds !== UNKNOWN) return seconds;
      await this.limiter.whenKnown(scope, key);
    }
    const seconds = this.limiter.spend(scope, key, rate, burst, mode);
    return seconds === UNKNOWN ? UNANSWERED_SECONDS : seconds;
  }
}
