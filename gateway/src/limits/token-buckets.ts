/** Token buckets by key: what this process spends, and what it hears and expects of others. */
import { createHash } from "node:crypto";
import type { Clock } from "@bifrost/shared/domain/time";
import {
  ASKED,
  BucketTable,
  BURST,
  EXPECTED,
  GENERATION,
  OTHERS,
  RATE,
  SHARE,
  SPENT,
  TOKENS,
} from "./bucket-table.ts";
import { fill, take, theirRate } from "./fill.ts";
import { isMuch, type KeyElsewhere, type KeyUse } from "./limit-messages.ts";
import type { Limiter } from "./limiter.ts";

/** Keys of all scopes together; beyond them the largest scope forgets. */
const MAX_KEYS = 16 * GENERATION;
/** Keys in one answer of takeUses; the rest waits for the next. */
const MAX_USES = 4096;
/** Longer keys are hashed. */
const MAX_KEY = 128;

export class TokenBuckets implements Limiter {
  /** The part of every limit that is to be given here. */
  part = 1;
  /** Much was spent of a bucket of which others may know nothing. */
  onMuch: () => void = () => undefined;
  private readonly clock: Clock;
  private readonly scopes = new Map<string, BucketTable>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Keys that are remembered. */
  get size(): number {
    let size = 0;
    for (const buckets of this.scopes.values()) size += buckets.size;
    return size;
  }

  /** Whether takeUses has anything to say. */
  get hasUses(): boolean {
    for (const { unsaid } of this.scopes.values()) if (unsaid.size > 0) return true;
    return false;
  }

  spend(scope: string, key: string, rate: number, burst: number): number {
    const buckets = this.scopes.get(scope) ?? this.bucketsOf(scope);
    const now = this.clock.now();
    const known = shortKey(key);
    const at = buckets.find(known, now, rate, burst);
    const { numbers } = buckets;
    const { part } = this;
    const partRate = rate * part;
    const partBurst = part === 1 ? burst : Math.max(1, burst * part);
    fill(numbers, at, now, partRate, partBurst);
    numbers[at + RATE] = rate;
    numbers[at + BURST] = burst;
    const asked = numbers[at + ASKED] ?? 0;
    if (asked === 0) buckets.unsaid.add(known);
    numbers[at + ASKED] = asked + 1;
    const wait = take(numbers, at, partRate, partBurst);
    if (wait > 0) return wait;
    const spent = (numbers[at + SPENT] ?? 0) + 1;
    numbers[at + SPENT] = spent;
    if (isMuch(spent, burst) && numbers[at + OTHERS] === 0) this.onMuch();
    return 0;
  }

  /** Takes what was used already, and may leave a debt. */
  charge(scope: string, key: string, tokens: number, rate: number, burst: number): void {
    const buckets = this.bucketsOf(scope);
    const known = shortKey(key);
    const at = buckets.find(known, this.clock.now(), rate, burst);
    const { numbers } = buckets;
    const [partRate, partBurst] = [rate * this.part, Math.max(1, burst * this.part)];
    fill(numbers, at, this.clock.now(), partRate, partBurst);
    const left = (numbers[at + TOKENS] ?? 0) - tokens;
    numbers[at + TOKENS] = Math.max(-mostOwed(partRate, partBurst), left);
    numbers[at + RATE] = rate;
    numbers[at + BURST] = burst;
    numbers[at + ASKED] = (numbers[at + ASKED] ?? 0) + tokens;
    numbers[at + SPENT] = (numbers[at + SPENT] ?? 0) + tokens;
    buckets.unsaid.add(known);
  }

  /** It always knows. */
  whenKnown(): Promise<void> {
    return Promise.resolve();
  }

  /** What was used here since the last call. */
  takeUses(): KeyUse[] {
    const uses: KeyUse[] = [];
    for (const [scope, buckets] of this.scopes) {
      for (const key of buckets.unsaid) {
        if (uses.length >= MAX_USES) return uses;
        buckets.unsaid.delete(key);
        const numbers = buckets.peek(key);
        if (numbers !== null) uses.push(taken(scope, key, numbers));
      }
    }
    return uses;
  }

  /** Corrects the buckets by what others did, and sets what they are expected to do from now on. */
  hear(elsewhere: readonly KeyElsewhere[]): void {
    const now = this.clock.now();
    for (const one of elsewhere) this.correct(one, now);
  }

  /** Expects nothing of others any more: nothing was heard of them for long. */
  expectNothing(): void {
    for (const buckets of this.scopes.values()) buckets.expectNothing();
  }

  private correct(
    { scope, key, spent, others, share, ahead, ...limit }: KeyElsewhere,
    now: number,
  ) {
    const buckets = this.bucketsOf(scope);
    const at = buckets.find(key, now, limit.rate, limit.burst);
    const { numbers } = buckets;
    const [rate, burst] = [limit.rate * this.part, Math.max(1, limit.burst * this.part)];
    fill(numbers, at, now, rate, burst);
    const tokens = numbers[at + TOKENS] ?? 0;
    const theirs = theirRate(tokens, others, share, rate, burst);
    const expected = others > 0 ? (ahead * theirs) / others : 0;
    const corrected = tokens - (spent + expected - (numbers[at + EXPECTED] ?? 0));
    numbers[at + TOKENS] = Math.min(burst, Math.max(-mostOwed(rate, burst), corrected));
    numbers[at + EXPECTED] = expected;
    numbers[at + OTHERS] = others;
    numbers[at + SHARE] = share;
  }

  private bucketsOf(scope: string): BucketTable {
    const known = this.scopes.get(scope);
    if (known !== undefined) return known;
    const buckets = new BucketTable(() => this.makeRoom());
    this.scopes.set(scope, buckets);
    return buckets;
  }

  /** One scope with very many keys must not crowd out the others. */
  private makeRoom(): void {
    if (this.size < MAX_KEYS) return;
    const [largest] = [...this.scopes].toSorted(([, a], [, b]) => b.size - a.size);
    largest?.[1].rotate();
  }
}

/** A bucket owes one burst at most, or what a second gives. */
export function mostOwed(rate: number, burst: number): number {
  return Math.max(rate, burst);
}

export function shortKey(key: string): string {
  return key.length > MAX_KEY ? createHash("sha256").update(key, "latin1").digest("base64") : key;
}

function taken(scope: string, key: string, numbers: Float64Array): KeyUse {
  const [spent = 0, asked = 0, rate = 0, burst = 0] = numbers.subarray(SPENT, BURST + 1);
  numbers[SPENT] = numbers[ASKED] = 0;
  return { scope, key, spent, asked, rate, burst };
}
