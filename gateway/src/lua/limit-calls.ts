/**
 * What one request asks of limits, over all the runs of a script that it takes. A run that meets a limit whose answer is not
 * known yet is abandoned, and the next one begins at the top of the script: what was taken before is not taken again.
 */
import { type Limiter, type LimitMode, UNKNOWN } from "../limits/limiter.ts";

/** Tokens that one request remembers; who took so many waits for nothing any more. */
const MAX_TAKEN = 64;
/** Seconds that are told to who may not wait for an answer. */
const UNKNOWN_SECONDS = 1;

/** A token, by the bucket that a script named; written anew for each request, because most of them never wait. */
class Token {
  scope = "";
  key = "";
  rate = 0;
  burst = 0;
  mode: LimitMode = "balanced";
  /** The last run that got it. */
  run = 0;
}

export class LimitCalls {
  /** Otherwise what is not known counts as over the limit. */
  mayWait = false;
  /** What the run waits for that ended last; null = nothing. */
  waitsFor: Promise<void> | null = null;
  private run = 0;
  private readonly tokens: Token[] = [];
  /** How many of them are this request's. */
  private taken = 0;

  get isFirstRun(): boolean {
    return this.run === 0;
  }

  /** For another request. */
  clear(): void {
    this.taken = 0;
    this.run = 0;
  }

  beginRun(): void {
    this.run++;
    this.waitsFor = null;
  }

  /** As `spend` of the limiter, which is asked unless an earlier run has the token; `waitsFor` says that this run is over. */
  spend(
    limiter: Limiter,
    scope: string,
    key: string,
    rate: number,
    burst: number,
    mode: LimitMode,
  ): number {
    if (this.run > 1 && this.hasTaken(scope, key, rate, burst, mode)) return 0;
    const wait = limiter.spend(scope, key, rate, burst, mode);
    if (wait > 0) return wait;
    const mayWait = this.mayWait && this.taken < MAX_TAKEN;
    if (wait === UNKNOWN) {
      if (mayWait) this.waitsFor = limiter.whenKnown(scope, key);
      return UNKNOWN_SECONDS;
    }
    if (mayWait) this.take(scope, key, rate, burst, mode);
    return 0;
  }

  private take(scope: string, key: string, rate: number, burst: number, mode: LimitMode): void {
    const token = (this.tokens[this.taken] ??= new Token());
    this.taken++;
    token.scope = scope;
    token.key = key;
    token.rate = rate;
    token.burst = burst;
    token.mode = mode;
    token.run = this.run;
  }

  /** Whether an earlier run took this token and the present one did not get it yet. */
  private hasTaken(
    scope: string,
    key: string,
    rate: number,
    burst: number,
    mode: LimitMode,
  ): boolean {
    for (let at = 0; at < this.taken; at++) {
      const token = this.tokens[at];
      if (token === undefined || token.run === this.run) continue;
      if (token.key !== key || token.scope !== scope || token.mode !== mode) continue;
      if (token.rate !== rate || token.burst !== burst) continue;
      token.run = this.run;
      return true;
    }
    return false;
  }
}
