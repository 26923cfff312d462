/** Idle connections to replicas, kept for the next request; last in, first out, so that a small warm set stays in use. */
import type { EventClock } from "./event-clock.ts";
import { TurnEnd } from "./turn-end.ts";
import { UpstreamConnection, type ConnectionOwner } from "./upstream-connection.ts";

export interface PoolLimits {
  readonly connectTimeoutMs: number;
  /**
   * Idle connections older than this are closed by us. Below 5 s, the shortest keep-alive time in common use (Node's
   * own server), so that it is rarely the replica that closes first.
   */
  readonly idleMs: number;
  /** Most connections to one address, idle ones included. */
  readonly perAddress: number;
}

/** A request that cannot be replayed only gets a connection that was in use this recently. */
const FRESH_MS = 1000;

interface Entry {
  readonly idle: UpstreamConnection[];
  open: number;
}

export class UpstreamPool implements ConnectionOwner {
  readonly clock: EventClock;
  readonly turnEnd = new TurnEnd();
  private readonly limits: PoolLimits;
  private readonly entries = new Map<string, Entry>();
  private known: ReadonlySet<string> | null = null;

  constructor(limits: PoolLimits, clock: EventClock) {
    this.limits = limits;
    this.clock = clock;
  }

  /** A connection to `address`; null when the address has as many as it may have, all in use. */
  take(address: string, isReplayable: boolean): UpstreamConnection | null {
    const entry = this.entryOf(address);
    const reusable = this.takeIdle(entry, isReplayable ? this.limits.idleMs : FRESH_MS);
    if (reusable !== null) return reusable;
    return this.open(address);
  }

  /** A new connection, for a replay after a reused one failed; null at the limit. */
  open(address: string): UpstreamConnection | null {
    const entry = this.entryOf(address);
    if (entry.open >= this.limits.perAddress) entry.idle.shift()?.destroy();
    if (entry.open >= this.limits.perAddress) return null;
    entry.open++;
    return new UpstreamConnection(address, this.limits.connectTimeoutMs, this);
  }

  onIdle(connection: UpstreamConnection): void {
    if (this.known !== null && !this.known.has(connection.address)) return connection.destroy();
    connection.idleSince = this.clock.now();
    this.entryOf(connection.address).idle.push(connection);
  }

  onClosed(connection: UpstreamConnection): void {
    const entry = this.entries.get(connection.address);
    if (entry === undefined) return;
    entry.open--;
    const at = entry.idle.indexOf(connection);
    if (at >= 0) entry.idle.splice(at, 1);
    if (entry.open === 0) this.entries.delete(connection.address);
  }

  /** Closes idle connections to addresses that are no longer backends; those in use end with their response. */
  retain(addresses: ReadonlySet<string>): void {
    this.known = addresses;
    for (const [address, entry] of this.entries) {
      if (addresses.has(address)) continue;
      for (const connection of entry.idle.splice(0)) connection.destroy();
    }
  }

  /** Closes what has been idle too long. */
  sweep(): void {
    const oldest = this.clock.now() - this.limits.idleMs;
    for (const entry of this.entries.values()) {
      while ((entry.idle[0]?.idleSince ?? Infinity) < oldest) entry.idle[0]?.destroy();
    }
  }

  destroyIdle(): void {
    this.retain(new Set());
  }

  /** Requests now under way to an address. */
  busy(address: string): number {
    const entry = this.entries.get(address);
    return entry === undefined ? 0 : entry.open - entry.idle.length;
  }

  /** Connections now open, by address. */
  sizes(): ReadonlyMap<string, number> {
    return new Map([...this.entries].map(([address, entry]) => [address, entry.open]));
  }

  private takeIdle(entry: Entry, maxIdleMs: number): UpstreamConnection | null {
    const connection = entry.idle.at(-1);
    if (connection === undefined || this.clock.now() - connection.idleSince > maxIdleMs)
      return null;
    entry.idle.pop();
    return connection;
  }

  private entryOf(address: string): Entry {
    let entry = this.entries.get(address);
    if (entry === undefined) {
      entry = { idle: [], open: 0 };
      this.entries.set(address, entry);
    }
    return entry;
  }
}
