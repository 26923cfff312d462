/**
 * Buckets by key in bounded memory. Keys live in two generations: a full young one becomes the old one, and what is still used
 * moves over; a key is forgotten only after 65,536 others of its scope were used since, and begins full again.
 */

/** Keys in one generation of one scope. */
export const GENERATION = 65_536;
/** New keys of a scope between two looks at the size of all. */
const ROOM_EVERY = 4096;

/** One bucket is this many numbers in a row. */
export const STRIDE = 10;
export const TOKENS = 0;
export const FILLED_AT = 1;
/** Let through and asked for since this was last said. */
export const SPENT = 2;
export const ASKED = 3;
export const RATE = 4;
export const BURST = 5;
/** How many a second others ask for; 0 = nobody else is known to use it. */
export const OTHERS = 6;
/** The part of all demand that is asked for here. */
export const SHARE = 7;
/** Taken away for what others are expected to have spent, beyond what they said they did. */
export const EXPECTED = 8;
/** What this process may spend of a bucket that is near empty. */
export const OWN = 9;
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

/** All buckets of one scope. */
export class BucketTable {
  private young = new Generation();
  private old = new Generation();
  /** Keys whose ASKED is not 0. */
  readonly unsaid = new Set<string>();
  private readonly makeRoom: () => void;

  constructor(makeRoom: () => void) {
    this.makeRoom = makeRoom;
  }

  get size(): number {
    return this.young.slots.size + this.old.slots.size;
  }

  /** Those of keys that were found since the last rotation. */
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

  /** The numbers of a key's bucket, if it is not forgotten. */
  peek(key: string): Float64Array | null {
    const generation = this.young.slots.has(key) ? this.young : this.old;
    const at = generation.slots.get(key);
    return at === undefined ? null : generation.numbers.subarray(at, at + STRIDE);
  }

  /** Of all buckets that others are expected to spend from. */
  expectNothing(): void {
    for (const { numbers } of [this.young, this.old]) {
      for (let at = 0; at < numbers.length; at += STRIDE) numbers[at + OTHERS] = 0;
    }
  }

  private move(key: string, now: number, rate: number, burst: number): number {
    const { size } = this.young.slots;
    if (size >= GENERATION) this.rotate();
    else if (size % ROOM_EVERY === 0) this.makeRoom();
    const former = this.old.slots.get(key);
    const at = this.young.add(former === undefined ? copied(key) : key);
    const { numbers } = this.young;
    if (former === undefined) numbers.set([burst, now, 0, 0, rate, burst, 0, 0, 0, 0], at);
    else numbers.set(this.old.numbers.subarray(former, former + STRIDE), at);
    return at;
  }
}

/** A header's value is a slice that keeps the whole head alive. */
function copied(key: string): string {
  return Buffer.from(key, "latin1").toString("latin1");
}
