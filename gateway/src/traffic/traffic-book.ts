/**
 * The traffic of all nodes in the last minute. A node counts in slots of ten seconds, in which its numbers only grow; of two
 * reports of one slot the one with more requests is the newer one. So reports may come late, twice or in any order, and
 * every node that has heard all of them sees the same.
 */
import type { NodeId } from "../gossip/member.ts";
import { MAX_ROUTES, RouteTallies, type RouteTally, type Tally } from "./route-tally.ts";

export const SLOT_MS = 10_000;
/** Slots that began in this time count. */
export const WINDOW_MS = 60_000;
/** Slots of one source that can count at one time, the one that has just begun included. */
const MAX_SLOTS = WINDOW_MS / SLOT_MS + 1;
/** A node that was started anew is a source of its own beside what it was before. */
const MAX_SOURCES = 3;

/** What one node counted in one slot, or a part of it. */
export interface SlotReport {
  readonly node: NodeId;
  /** Random, new with each start of the node. */
  readonly epoch: number;
  readonly slot: number;
  /** Since the slot began. */
  readonly ageMs: number;
  readonly routes: readonly RouteTally[];
}

interface Slot {
  /** By the clock of this node. */
  beganAt: number;
  readonly routes: Map<string, Tally>;
}

interface Source {
  readonly node: NodeId;
  readonly epoch: number;
  readonly slots: Map<number, Slot>;
}

/** A route in this node's own slots that the others do not know as it is now. */
interface Untold {
  readonly slot: number;
  readonly route: string;
}

export class TrafficBook {
  private readonly node: NodeId;
  private readonly epoch: number;
  private readonly startedAt: number;
  private readonly sources = new Map<string, Source>();
  private readonly own = new Map<number, RouteTallies>();
  private untold = new Map<string, Untold>();

  constructor({ node, epoch, now }: { node: NodeId; epoch: number; now: number }) {
    this.node = node;
    this.epoch = epoch;
    this.startedAt = now;
  }

  /** What this node served. */
  add(served: readonly RouteTally[], now: number): void {
    if (served.length === 0) return;
    const slot = Math.max(0, Math.floor((now - this.startedAt) / SLOT_MS));
    const tallies = this.own.get(slot) ?? new RouteTallies();
    this.own.set(slot, tallies);
    const names = new Set(served.map((tally) => tallies.add(tally)));
    for (const route of names) this.untold.set(`${slot} ${route}`, { slot, route });
    this.take(this.report(slot, tallies.list(names), now), now);
  }

  /** What another node counted; of this node itself it knows best. */
  merge(report: SlotReport, now: number): void {
    if (report.node !== this.node) this.take(report, now);
  }

  /** Up to so many routes of this node that changed since they were told, as they are now. */
  takeUntold(most: number, now: number): readonly SlotReport[] {
    const bySlot = new Map<number, string[]>();
    for (const [key, { slot, route }] of [...this.untold].slice(0, most)) {
      this.untold.delete(key);
      bySlot.set(slot, [...(bySlot.get(slot) ?? []), route]);
    }
    return [...bySlot].flatMap(([slot, names]) => {
      const routes = this.own.get(slot)?.list(names) ?? [];
      return routes.length === 0 ? [] : [this.report(slot, routes, now)];
    });
  }

  /** These were not told after all. */
  putBack(reports: readonly SlotReport[]): void {
    const again = reports.flatMap(({ slot, routes }) =>
      routes.map(({ route }): [string, Untold] => [`${slot} ${route}`, { slot, route }]),
    );
    this.untold = new Map([...again, ...this.untold]);
  }

  /** Everything that counts now, newest first. */
  reports(now: number): readonly SlotReport[] {
    const all = [...this.sources.values()].flatMap(({ node, epoch, slots }) =>
      [...slots].map(([slot, { beganAt, routes }]) => ({
        node,
        epoch,
        slot,
        ageMs: now - beganAt,
        routes: [...routes].map(([route, tally]) => ({ route, ...tally })),
      })),
    );
    return all.filter(({ ageMs }) => ageMs < WINDOW_MS).toSorted((a, b) => a.ageMs - b.ageMs);
  }

  /** Forgets what does not count any more, and nodes that `isMember` does not know. */
  forget(now: number, isMember: (node: NodeId) => boolean): void {
    for (const [key, { node, slots }] of this.sources) {
      for (const [slot, { beganAt }] of slots) {
        if (now - beganAt >= WINDOW_MS) slots.delete(slot);
      }
      if (slots.size === 0 || !isMember(node)) this.sources.delete(key);
    }
    const known = this.sources.get(keyOf(this.node, this.epoch))?.slots;
    for (const slot of this.own.keys()) if (known?.has(slot) !== true) this.own.delete(slot);
    for (const [key, { slot }] of this.untold) if (!this.own.has(slot)) this.untold.delete(key);
  }

  private ageOf(slot: number, now: number): number {
    return Math.max(0, now - this.startedAt - slot * SLOT_MS);
  }

  private report(slot: number, routes: readonly RouteTally[], now: number): SlotReport {
    return { node: this.node, epoch: this.epoch, slot, ageMs: this.ageOf(slot, now), routes };
  }

  private take({ node, epoch, slot, ageMs, routes }: SlotReport, now: number): void {
    if (ageMs >= WINDOW_MS) return;
    const source = this.sourceOf(node, epoch);
    const beganAt = now - ageMs;
    let known = source.slots.get(slot);
    if (known === undefined) {
      known = { beganAt, routes: new Map() };
      source.slots.set(slot, known);
      if (source.slots.size > MAX_SLOTS) source.slots.delete(Math.min(...source.slots.keys()));
    }
    // The report that was on its way for the shortest time knows best.
    known.beganAt = Math.min(known.beganAt, beganAt);
    for (const { route, ...tally } of routes) {
      const former = known.routes.get(route);
      if (former === undefined && known.routes.size >= MAX_ROUTES) continue;
      if ((former?.requests ?? 0) < tally.requests) known.routes.set(route, copyOf(tally));
    }
  }

  private sourceOf(node: NodeId, epoch: number): Source {
    const key = keyOf(node, epoch);
    const source = this.sources.get(key) ?? { node, epoch, slots: new Map<number, Slot>() };
    // The one heard of last is the last one.
    this.sources.delete(key);
    this.sources.set(key, source);
    const [oldest, ...others] = [...this.sources].filter(([, one]) => one.node === node);
    if (oldest !== undefined && others.length >= MAX_SOURCES) this.sources.delete(oldest[0]);
    return source;
  }
}

/** The one it was made of may grow. */
function copyOf({ requests, errors, latency }: Tally): Tally {
  return { requests, errors, latency: new Map(latency) };
}

function keyOf(node: NodeId, epoch: number): string {
  return `${epoch} ${node}`;
}
