/**
 * Token buckets by key in bounded memory. Keys live in two generations: a full young one becomes the old one, and what is
 * still used moves over; a key is forgotten only after 65,536 others of its policy were used since, and begins full again.
 */
import { createHash } from "node:crypto";
import type { Clock } from "@bifrost/shared/domain/time";
import type { Limiter } from "./limiter.ts";

/** Keys in one generation of one policy. */
const GENERATION = 65_536;
/** Keys of all policies together; beyond them the largest policy forgets. */
const MAX_KEYS = 16 * GENERATION;
/** New keys of a policy between two looks at the size of all. */
const ROOM_EVERY = 4096;
/** Keys in one answer of takeSpent; the rest waits for the next. */
const MAX_SPENT = 4096;
/** Longer keys are hashed. */
const MAX_KEY = 128;

/** What this process took from one bucket since it last said so. */
export interface Spent {
  readonly policy: string;
  readonly key: string;
  readonly tokens: number;
  readonly rate: number;
  readonly burst: number;
}

/** One bucket is this many numbers in a row. */
const STRIDE = 5;
const TOKENS = 0;
const FILLED_AT = 1;
const UNSAID = 2;
const RATE = 3;
const BURST = 4;
const FIRST_CAPACITY = 64;

class Generation {
  readonly slots = new Map<string, number>();
  numbers = new Float64Array(FIRST_CAPACITY * STRIDE);

  /** Where the bucket's numbers begin. */
  add(key: string): number {
    const at = this.slots.size * STRIDE;
    if (at === this.numbers.length) {
      const larger = new Float64Array(at * 2);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.slots.set(key, at);
    return at;
  }
}

class PolicyBuckets {
  private young = new Generation();
  private old = new Generation();
  /** Keys whose UNSAID is not 0. */
  readonly unsaid = new Set<string>();
  private readonly makeRoom: () => void;

  constructor(makeRoom: () => void) {
    this.makeRoom = makeRoom;
  }

  get size(): number {
    return this.young.slots.size + this.old.slots.size;
  }

  get numbers(): Float64Array {
    return this.young.numbers;
  }

  /** Where the key's bucket begins in `numbers`; a new one is full. */
  find(key: string, now: number, rate: number, burst: number): number {
    return this.young.slots.get(key) ?? this.move(key, now, rate, burst);
  }

  rotate(): void {
    this.old = this.young;
    this.young = new Generation();
    for (const key of this.unsaid) if (!this.old.slots.has(key)) this.unsaid.delete(key);
  }

  /** Takes what is owed to others of the node away from the bucket; it may owe one burst at most. */
  take({ key, tokens, rate, burst }: Spent, now: number): number {
    const at = this.find(key, now, rate, burst);
    const { numbers } = this.young;
    fill(numbers, at, now, rate, burst);
    numbers[at + TOKENS] = Math.max(-burst, (numbers[at + TOKENS] ?? 0) - tokens);
    return at;
  }

  /** What was spent from a key's bucket and not said yet; from now on it is. */
  say(policy: string, key: string): Spent | null {
    this.unsaid.delete(key);
    const generation = this.young.slots.has(key) ? this.young : this.old;
    const at = generation.slots.get(key);
    if (at === undefined) return null;
    const { numbers } = generation;
    const tokens = numbers[at + UNSAID] ?? 0;
    numbers[at + UNSAID] = 0;
    return { policy, key, tokens, rate: numbers[at + RATE] ?? 0, burst: numbers[at + BURST] ?? 0 };
  }

  private move(key: string, now: number, rate: number, burst: number): number {
    const { size } = this.young.slots;
    if (size >= GENERATION) this.rotate();
    else if (size % ROOM_EVERY === 0) this.makeRoom();
    const former = this.old.slots.get(key);
    const at = this.young.add(former === undefined ? copied(key) : key);
    const { numbers } = this.young;
    if (former === undefined) numbers.set([burst, now, 0, rate, burst], at);
    else numbers.set(this.old.numbers.subarray(former, former + STRIDE), at);
    return at;
  }
}

export class TokenBuckets implements Limiter {
  private readonly clock: Clock;
  private readonly policies = new Map<string, PolicyBuckets>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Keys that are remembered. */
  get size(): number {
    let size = 0;
    for (const buckets of this.policies.values()) size += buckets.size;
    return size;
  }

  spend(policy: string, key: string, rate: number, burst: number): number {
    const buckets = this.policies.get(policy) ?? this.bucketsOf(policy);
    const now = this.clock.now();
    const known = key.length > MAX_KEY ? digest(key) : key;
    const at = buckets.find(known, now, rate, burst);
    const { numbers } = buckets;
    fill(numbers, at, now, rate, burst);
    const tokens = numbers[at + TOKENS] ?? 0;
    if (tokens < 1) return rate > 0 ? (1 - tokens) / rate : Infinity;
    numbers[at + TOKENS] = tokens - 1;
    const unsaid = numbers[at + UNSAID] ?? 0;
    if (unsaid === 0) buckets.unsaid.add(known);
    numbers[at + UNSAID] = unsaid + 1;
    return 0;
  }

  /** Takes what was used already, and may leave a debt of one burst at most. */
  charge(policy: string, key: string, tokens: number, rate: number, burst: number): void {
    const known = key.length > MAX_KEY ? digest(key) : key;
    const buckets = this.bucketsOf(policy);
    const at = buckets.take({ policy, key: known, tokens, rate, burst }, this.clock.now());
    const { numbers } = buckets;
    const unsaid = numbers[at + UNSAID] ?? 0;
    if (unsaid === 0) buckets.unsaid.add(known);
    numbers[at + UNSAID] = unsaid + tokens;
  }

  /** It always knows. */
  whenKnown(): Promise<void> {
    return Promise.resolve();
  }

  /** What was spent here since the last call, so that the other workers of the node can take it away too. */
  takeSpent(): Spent[] {
    const spent: Spent[] = [];
    for (const [policy, buckets] of this.policies) {
      for (const key of buckets.unsaid) {
        if (spent.length >= MAX_SPENT) return spent;
        const one = buckets.say(policy, key);
        if (one !== null) spent.push(one);
      }
    }
    return spent;
  }

  /** Takes away what other workers spent; nothing of it is said again. */
  applySpent(spent: readonly Spent[]): void {
    const now = this.clock.now();
    for (const one of spent) this.bucketsOf(one.policy).take(one, now);
  }

  /** Forgets the keys of a policy. */
  forget(policy: string): void {
    this.policies.delete(policy);
  }

  private bucketsOf(policy: string): PolicyBuckets {
    const known = this.policies.get(policy);
    if (known !== undefined) return known;
    const buckets = new PolicyBuckets(() => this.makeRoom());
    this.policies.set(policy, buckets);
    return buckets;
  }

  /** One policy with very many keys must not crowd out the others. */
  private makeRoom(): void {
    if (this.size < MAX_KEYS) return;
    const [largest] = [...this.policies].toSorted(([, a], [, b]) => b.size - a.size);
    largest?.[1].rotate();
  }
}

function fill(numbers: Float64Array, at: number, now: number, rate: number, burst: number): void {
  // A clock that was set back adds nothing.
  const seconds = Math.max(0, now - (numbers[at + FILLED_AT] ?? now)) / 1000;
  numbers[at + TOKENS] = Math.min(burst, (numbers[at + TOKENS] ?? 0) + seconds * rate);
  numbers[at + FILLED_AT] = now;
  numbers[at + RATE] = rate;
  numbers[at + BURST] = burst;
}

/** A header's value is a slice that keeps the whole head alive. */
function copied(key: string): string {
  return Buffer.from(key, "latin1").toString("latin1");
}

function digest(key: string): string {
  return createHash("sha256").update(key, "latin1").digest("base64");
}
