/** All keys that a node counts, in bounded memory; which of them have news for its data planes and for other nodes. */
import type { KeyElsewhere, KeyUse } from "./limit-messages.ts";
import { hashOf, KeyCounts, type KeyHash, type Start, type TotalUse } from "./key-counts.ts";

/** Of more, those counted first are forgotten. */
const MAX_KEYS = 131_072;
/** A count is told so often after its last change: messages may be lost. */
const REPEATS = 3;

export class UseCounts {
  private readonly startedAt: number;
  /** Of the newest key. */
  private birth = 0;
  private readonly byName = new Map<string, KeyCounts>();
  private readonly byHash = new Map<KeyHash, KeyCounts>();
  /** With something to tell planes. */
  private readonly active = new Set<KeyCounts>();
  /** With something to tell other nodes. */
  private readonly untold = new Set<KeyCounts>();
  /** Of them, with something that is not to wait. */
  private readonly urgent = new Set<KeyCounts>();

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  get size(): number {
    return this.byHash.size;
  }

  get isActive(): boolean {
    return this.active.size > 0;
  }

  get hasUntold(): boolean {
    return this.untold.size > 0;
  }

  /** Whether any of it is not to wait. */
  used(plane: number, uses: readonly KeyUse[], now: number): boolean {
    for (const use of uses) {
      const counts = this.named(use, now);
      if (counts.used(plane, use, now)) this.urgent.add(counts);
      counts.toTell = REPEATS;
      this.untold.add(counts);
      this.active.add(counts);
    }
    return this.urgent.size > 0;
  }

  /** Whether any of it is not to wait. */
  merge(start: Start, totals: readonly TotalUse[], now: number): boolean {
    let isUrgent = false;
    for (const total of totals) {
      const counts = this.byHash.get(total.hash) ?? this.open(total.hash, total, now);
      if (counts.merge(start, total, now)) isUrgent = true;
      this.active.add(counts);
    }
    return isUrgent;
  }

  /** What each plane is to hear now. */
  takeNews(planes: Iterable<number>, now: number): ReadonlyMap<number, readonly KeyElsewhere[]> {
    const news = new Map([...planes].map((plane): [number, KeyElsewhere[]] => [plane, []]));
    for (const counts of this.active) {
      const goesOn = counts.settle(now);
      for (const [plane, told] of news) {
        const one = counts.tell(plane, now);
        if (one !== null) told.push(one);
      }
      if (!goesOn) this.active.delete(counts);
    }
    return news;
  }

  /** At most `most` keys that other nodes are to be told of, those that were asked for most among them. */
  takeTotals(most: number): TotalUse[] {
    const chosen = this.untold.size <= most ? [...this.untold] : this.hottest(most);
    for (const counts of chosen) {
      counts.toTell--;
      if (counts.toTell <= 0) this.untold.delete(counts);
    }
    return chosen.map((counts) => counts.own);
  }

  /** What other nodes are not to wait for; it is told once more in its turn. */
  takeUrgent(most: number): TotalUse[] {
    const chosen = [...this.urgent].slice(0, most);
    this.urgent.clear();
    return chosen.map((counts) => counts.own);
  }

  /** Everything that this node and others are known to have used, by start, until there are so many. */
  all(most: number, self: string, clock: number): ReadonlyMap<string, KnownTotals> {
    const known = new Map<string, KnownTotals>([[self, { clock, totals: [] }]]);
    let room = most;
    for (const counts of [...this.byHash.values()].toReversed()) {
      if (--room < 0) break;
      if (counts.own.asked > 0) known.get(self)?.totals.push(counts.own);
      for (const [start, total, at] of counts.foreign()) {
        const of = known.get(start) ?? { clock: at, totals: [] };
        of.clock = Math.max(of.clock, at);
        of.totals.push(total);
        known.set(start, of);
        room--;
      }
    }
    return known;
  }

  planeGone(plane: number): void {
    for (const counts of this.byHash.values()) counts.planeGone(plane);
  }

  /** Nodes that are gone or cut off do not go on spending here. */
  stop(isGone: (start: string) => boolean, now: number): void {
    for (const counts of this.byHash.values()) {
      if (counts.stop(isGone, now)) this.active.add(counts);
    }
  }

  /** Until now this side of the cluster had this part of every limit. */
  accrue(part: number, now: number): void {
    for (const counts of this.byHash.values()) counts.accrue(part, now);
  }

  /** Forgets keys whose bucket is full. */
  sweep(now: number): void {
    for (const counts of this.byHash.values()) {
      if (!this.active.has(counts) && !this.untold.has(counts) && counts.isFull(now)) {
        this.forget(counts);
      }
    }
  }

  private named({ scope, key, rate, burst }: KeyUse, now: number): KeyCounts {
    const name = nameOf(scope, key);
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const hash = hashOf(scope, key);
    const counts = this.byHash.get(hash) ?? this.open(hash, { rate, burst }, now);
    counts.name = { scope, key };
    this.byName.set(name, counts);
    return counts;
  }

  private open(hash: KeyHash, limit: { rate: number; burst: number }, now: number): KeyCounts {
    const [first] = this.byHash.values();
    if (first !== undefined && this.byHash.size >= MAX_KEYS) this.forget(first);
    this.birth = Math.max(this.birth + 1, now - this.startedAt);
    const counts = new KeyCounts(hash, limit, this.birth, now);
    this.byHash.set(hash, counts);
    return counts;
  }

  private forget(counts: KeyCounts): void {
    this.byHash.delete(counts.hash);
    if (counts.name !== null) this.byName.delete(nameOf(counts.name.scope, counts.name.key));
    this.active.delete(counts);
    this.untold.delete(counts);
    this.urgent.delete(counts);
  }

  private hottest(most: number): KeyCounts[] {
    const hot = [...this.untold].toSorted(
      (a, b) => b.toTell - a.toTell || b.own.asked - a.own.asked,
    );
    return hot.slice(0, most);
  }
}

export interface KnownTotals {
  clock: number;
  readonly totals: TotalUse[];
}

function nameOf(scope: string, key: string): string {
  return `${scope}\n${key}`;
}
