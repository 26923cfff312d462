/** What waits, is leased or is backing off in one subscription; decides nothing about storage or transport. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import { IMMEDIATE_RETRY, PUSH_RETRY, backoffMs } from "../serving/backoff.ts";
import type { StoredMessage } from "./message.ts";
import type { Subscription } from "./subscription.ts";

export interface Entry {
  readonly message: StoredMessage;
  /** Deliveries begun so far. */
  attempt: number;
}

export interface Delivery {
  readonly ackId: string;
  readonly message: StoredMessage;
  readonly attempt: number;
}

interface Lease {
  readonly entry: Entry;
  readonly released: (() => void) | undefined;
  timer: Timer;
}

export interface QueueHooks {
  readonly timers: Timers;
  readonly newAckId: () => string;
  /** Deliveries are about to begin; false when that could not be made durable, so that they must not. */
  onLeased(entries: readonly Entry[]): boolean;
  /** The messages are done with; what it throws leaves them leased. */
  onAcked(entries: readonly Entry[]): void;
  /** All attempts are used up; true when the message went to the dead-letter topic. */
  onExhausted(entry: Entry): boolean;
}

/** When attempts cannot be stored (a full disk), deliveries are tried again after this. */
const STORAGE_RETRY_MS = 1000;

export class SubscriptionQueue {
  config: Subscription;
  /** Called, soon after, whenever something may be taken. */
  readonly consumers = new Set<() => void>();
  readonly #hooks: QueueHooks;
  /** In order of arrival; a Set because entries leave from the middle only when the queue ends. */
  readonly #ready = new Set<Entry>();
  readonly #leases = new Map<string, Lease>();
  readonly #backingOff = new Map<Entry, Timer>();
  /** Per ordering key all messages not done with; only the first of each may be ready or leased. */
  readonly #lanes = new Map<string, Entry[]>();
  #wakePending = false;

  constructor(config: Subscription, hooks: QueueHooks) {
    this.config = config;
    this.#hooks = hooks;
  }

  get outstanding(): number {
    return this.#leases.size;
  }

  get backlog(): number {
    let waiting = 0;
    for (const lane of this.#lanes.values()) waiting += lane.length - 1;
    return this.#ready.size + this.#backingOff.size + waiting;
  }

  offer(entry: Entry): void {
    const lane = this.#laneOf(entry);
    if (lane === undefined) return this.#makeReady(entry);
    lane.push(entry);
    if (lane.length === 1) this.#makeReady(entry);
  }

  /** Leases up to `max` messages; `released` is called once for each when its lease ends in any way. */
  take(
    max: number,
    deadlineSeconds = this.config.ackDeadlineSeconds,
    released?: () => void,
  ): Delivery[] {
    const entries: Entry[] = [];
    for (const entry of this.#ready) {
      if (entries.length >= max) break;
      this.#ready.delete(entry);
      entry.attempt += 1;
      entries.push(entry);
    }
    if (entries.length === 0) return [];
    if (!this.#hooks.onLeased(entries)) return this.#putBack(entries);
    return entries.map((entry) => this.#lease(entry, deadlineSeconds, released));
  }

  /** Unknown and expired ids are ignored, as the API does. */
  ack(ackIds: readonly string[]): void {
    const known = [...new Set(ackIds)].filter((ackId) => this.#leases.has(ackId));
    if (known.length === 0) return;
    this.#hooks.onAcked(known.flatMap((ackId) => this.#leases.get(ackId)?.entry ?? []));
    for (const ackId of known) {
      const entry = this.#endLease(ackId);
      if (entry !== undefined) this.#advance(entry);
    }
    this.wake();
  }

  nack(ackId: string): void {
    const entry = this.#endLease(ackId);
    if (entry === undefined) return;
    const limit = this.config.deadLetter?.maxDeliveryAttempts ?? Number.POSITIVE_INFINITY;
    if (entry.attempt >= limit && this.#hooks.onExhausted(entry)) {
      this.#advance(entry);
      return this.wake();
    }
    const fallback = this.config.push === undefined ? IMMEDIATE_RETRY : PUSH_RETRY;
    const delay = backoffMs(this.config.retry ?? fallback, entry.attempt);
    if (delay === 0) return this.#makeReady(entry);
    const timer = this.#hooks.timers.after(delay, () => {
      this.#backingOff.delete(entry);
      this.#makeReady(entry);
    });
    this.#backingOff.set(entry, timer);
    this.wake();
  }

  /** A new deadline counted from now; 0 gives the message back. */
  extend(ackId: string, seconds: number): void {
    const lease = this.#leases.get(ackId);
    if (lease === undefined) return;
    if (seconds <= 0) return this.nack(ackId);
    lease.timer.cancel();
    lease.timer = this.#deadline(ackId, seconds);
  }

  /** Everything not done with, for compaction. */
  *entries(): Generator<Entry> {
    const all = new Set([...this.#ready, ...this.#backingOff.keys()]);
    for (const lease of this.#leases.values()) all.add(lease.entry);
    for (const lane of this.#lanes.values()) for (const entry of lane) all.add(entry);
    yield* all;
  }

  wake(): void {
    if (this.#wakePending) return;
    this.#wakePending = true;
    setImmediate(() => {
      this.#wakePending = false;
      if (this.#ready.size > 0) for (const consumer of this.consumers) consumer();
    });
  }

  close(): void {
    for (const lease of this.#leases.values()) lease.timer.cancel();
    for (const timer of this.#backingOff.values()) timer.cancel();
    this.#ready.clear();
    this.#leases.clear();
    this.#backingOff.clear();
    this.#lanes.clear();
    this.consumers.clear();
  }

  #putBack(entries: readonly Entry[]): Delivery[] {
    for (const entry of entries) {
      entry.attempt -= 1;
      this.#ready.add(entry);
    }
    this.#hooks.timers.after(STORAGE_RETRY_MS, () => this.wake());
    return [];
  }

  #lease(entry: Entry, seconds: number, released: (() => void) | undefined): Delivery {
    const ackId = this.#hooks.newAckId();
    this.#leases.set(ackId, { entry, released, timer: this.#deadline(ackId, seconds) });
    return { ackId, message: entry.message, attempt: entry.attempt };
  }

  #deadline(ackId: string, seconds: number): Timer {
    return this.#hooks.timers.after(seconds * 1000, () => this.nack(ackId));
  }

  #endLease(ackId: string): Entry | undefined {
    const lease = this.#leases.get(ackId);
    if (lease === undefined) return undefined;
    lease.timer.cancel();
    this.#leases.delete(ackId);
    lease.released?.();
    return lease.entry;
  }

  #makeReady(entry: Entry): void {
    this.#ready.add(entry);
    this.wake();
  }

  #laneOf({ message }: Entry): Entry[] | undefined {
    if (!this.config.ordered || message.orderingKey === "") return undefined;
    const lane = this.#lanes.get(message.orderingKey) ?? [];
    this.#lanes.set(message.orderingKey, lane);
    return lane;
  }

  /** Lets the next message of the same ordering key go. */
  #advance(entry: Entry): void {
    const lane = this.#laneOf(entry);
    if (lane === undefined) return;
    lane.shift();
    const next = lane[0];
    if (next === undefined) this.#lanes.delete(entry.message.orderingKey);
    else this.#makeReady(next);
  }
}
