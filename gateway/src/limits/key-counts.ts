/** What a node knows of the use of one key: by its own data planes, and by the other nodes of the cluster. */
import { createHash } from "node:crypto";
import { added, laterCount, NO_COUNT, type Count } from "./count.ts";
import { Demand } from "./demand.ts";
import { isMuch, REPORT_USE_MS, type KeyElsewhere, type KeyUse } from "./limit-messages.ts";
import { mostOwed } from "./token-buckets.ts";

/** Eight bytes as latin-1: what nodes call a key among themselves. */
export type KeyHash = string;

const HASH_BYTES = 8;
/** A data plane that says nothing for so long used nothing. */
const QUIET_MS = 2.5 * REPORT_USE_MS;
/** A node that says nothing is lost or cut off rather than idle; so long it is taken to go on as before. */
const EXTRAPOLATED_MS = 5000;
/** Age of another node's counts when they arrive: half a report of its planes, and the way here. */
const REMOTE_AGE_MS = 30;

export function hashOf(scope: string, key: string): KeyHash {
  const digest = createHash("sha256").update(`${scope}\n${key}`).digest();
  return digest.toString("latin1", 0, HASH_BYTES);
}

interface PlaneUse {
  readonly demand: Demand;
  spent: number;
  /** Of what was spent elsewhere, how much it was told. */
  told: number;
  /** The demand of others as it was told. */
  others: number;
}

interface RemoteUse {
  readonly demand: Demand;
  count: Count;
  /** By the other node's clock. */
  clock: number;
  /** Taken to be spent while nothing was heard of it, and not heard of yet. */
  presumed: number;
  /** It was cut off, and nothing was heard of it since. */
  isCut: boolean;
}

/** One start of another node, as a message of its counts finds it. */
export interface Start {
  readonly start: string;
  /** By its own clock, when it counted. */
  readonly clock: number;
  readonly isLive: boolean;
}

/** An item of what nodes tell each other. */
export interface TotalUse extends Count {
  readonly hash: KeyHash;
  readonly rate: number;
  readonly burst: number;
}

export class KeyCounts {
  readonly hash: KeyHash;
  /** null = known from other nodes only, by its hash. */
  name: { readonly scope: string; readonly key: string } | null = null;
  rate: number;
  burst: number;
  readonly birth: number;
  /** Times that others are still to be told of it. */
  toTell = 0;
  /** By this node since its birth. */
  private spent = 0;
  private asked = 0;
  private readonly planes = new Map<number, PlaneUse>();
  private readonly remotes = new Map<string, RemoteUse>();
  /** By everyone, since this record was made. */
  private total = 0;
  /** What the bucket would lack. */
  private lacks = 0;
  private filledAt: number;
  /** What time gave to the other sides of a partition. */
  private elsewhere = 0;
  private accruedAt: number;

  constructor(hash: KeyHash, limit: { rate: number; burst: number }, birth: number, now: number) {
    this.hash = hash;
    this.rate = limit.rate;
    this.burst = limit.burst;
    this.birth = birth;
    this.filledAt = this.accruedAt = now;
  }

  /** Whether the others are to hear of it at once. */
  used(plane: number, { spent, asked, rate, burst }: KeyUse, now: number): boolean {
    this.rate = rate;
    this.burst = burst;
    const use = this.planeUse(plane, now);
    use.demand.count(asked, now - use.demand.at, now);
    use.spent += spent;
    this.spent += spent;
    this.asked += asked;
    this.take(spent, now);
    return isMuch(spent, burst) && use.others === 0;
  }

  /** Of one start of another node. Whether the planes are to hear of it at once. */
  merge(
    { start, clock, isLive }: Start,
    { rate, burst, ...count }: TotalUse,
    now: number,
  ): boolean {
    if (this.name === null) [this.rate, this.burst] = [rate, burst];
    const known = this.remotes.get(start);
    const use = known ?? {
      demand: new Demand(now),
      count: NO_COUNT,
      clock,
      presumed: 0,
      isCut: false,
    };
    if (known === undefined) this.remotes.set(start, use);
    const later = laterCount(use.count, count);
    const more = added(use.count, later);
    use.count = later;
    this.take(this.unaccounted(use, more.spent, known === undefined), now);
    // An older message that was overtaken says nothing of the time since.
    if (clock < use.clock) return false;
    use.demand.count(more.asked, clock - use.clock, now - REMOTE_AGE_MS);
    use.clock = clock;
    // What it spent is spent; that it goes on is not to be expected.
    if (!isLive) use.demand.stop();
    return isMuch(more.spent, burst);
  }

  /** What this node tells the others. */
  get own(): TotalUse {
    const { hash, rate, burst, birth, spent, asked } = this;
    return { hash, rate, burst, birth, spent, asked };
  }

  /** What every start of other nodes is known to have used. */
  *foreign(): Generator<readonly [start: string, TotalUse, clock: number]> {
    const { hash, rate, burst } = this;
    for (const [start, { count, clock }] of this.remotes) {
      yield [start, { hash, rate, burst, ...count }, clock];
    }
  }

  /** What a plane is to hear; null = nothing new. */
  tell(plane: number, now: number): KeyElsewhere | null {
    if (this.name === null) return null;
    const use = this.planeUse(plane, now);
    const elsewhere = this.total - use.spent;
    const spent = elsewhere - use.told;
    use.told = elsewhere;
    let [others, ahead] = [0, 0];
    for (const { demand } of this.sources()) {
      if (demand === use.demand) continue;
      others += demand.perSecond;
      ahead += demand.since(now);
    }
    const isNews = spent !== 0 || others !== 0 || use.others !== 0;
    use.others = others;
    if (!isNews) return null;
    const share = others === 0 ? 1 : use.demand.perSecond / (others + use.demand.perSecond);
    const { rate, burst } = this;
    return { ...this.name, rate, burst, spent, others, share, ahead };
  }

  /** Takes what has not been heard of for long to have stopped. Whether anything goes on. */
  settle(now: number): boolean {
    let isActive = false;
    for (const { demand } of this.planes.values()) {
      if (demand.perSecond > 0 && demand.at < now - QUIET_MS) demand.count(0, now - demand.at, now);
      isActive ||= demand.perSecond > 0;
    }
    for (const use of this.remotes.values()) {
      const { demand } = use;
      if (demand.perSecond > 0 && demand.at < now - EXTRAPOLATED_MS) this.presume(use, now);
      isActive ||= demand.perSecond > 0;
    }
    return isActive;
  }

  planeGone(plane: number): void {
    // What it spent stays in the total; the others were told.
    this.planes.delete(plane);
  }

  /** Nothing more is expected of these starts. Whether anything was. */
  stop(isGone: (start: string) => boolean, now: number): boolean {
    let wasActive = false;
    for (const [start, use] of this.remotes) {
      if (use.demand.perSecond === 0 || !isGone(start)) continue;
      this.presume(use, now);
      use.isCut = true;
      wasActive = true;
    }
    return wasActive;
  }

  /** It went on until now, as far as anyone knows, and from now on it is not reckoned with. */
  private presume(use: RemoteUse, now: number): void {
    let all = 0;
    for (const { demand } of this.sources()) all += demand.perSecond;
    const presumed = Math.round(use.demand.since(now) * Math.min(1, this.rate / all));
    use.presumed += presumed;
    use.demand.stop();
    this.take(presumed, now);
  }

  /** Until now this side of the cluster had this part of the limit. */
  accrue(part: number, now: number): void {
    const isHealed = [...this.remotes.values()].every((use) => !use.isCut);
    if (isHealed) this.elsewhere = 0;
    this.elsewhere += (this.rate * (1 - part) * (now - this.accruedAt)) / 1000;
    this.accruedAt = now;
  }

  /** Its bucket is full: there is nothing to remember. */
  isFull(now: number): boolean {
    return this.fill(now) === 0;
  }

  private planeUse(plane: number, now: number): PlaneUse {
    const known = this.planes.get(plane);
    if (known !== undefined) return known;
    // One that comes later is told what the bucket lacks.
    const told = this.total - this.fill(now);
    const use = { demand: new Demand(now), spent: 0, told, others: 0 };
    this.planes.set(plane, use);
    return use;
  }

  private *sources(): Generator<{ readonly demand: Demand }> {
    yield* this.planes.values();
    yield* this.remotes.values();
  }

  /** What it spent beyond what was presumed, and beyond what its side of a partition was entitled to. */
  private unaccounted(use: RemoteUse, spent: number, isNew: boolean): number {
    const presumed = Math.min(use.presumed, spent);
    use.presumed -= presumed;
    const entitled = use.isCut || isNew ? Math.min(this.elsewhere, spent - presumed) : 0;
    this.elsewhere -= entitled;
    use.isCut = false;
    return spent - presumed - entitled;
  }

  private take(spent: number, now: number): void {
    this.total += spent;
    const most = this.burst + mostOwed(this.rate, this.burst);
    this.lacks = Math.min(most, this.fill(now) + spent);
  }

  private fill(now: number): number {
    const gained = (Math.max(0, now - this.filledAt) / 1000) * this.rate;
    this.lacks = Math.max(0, this.lacks - gained);
    this.filledAt = now;
    return this.lacks;
  }
}
