/** News on its way: each message goes out a bounded number of times, the least sent first; plain data. */
import type { NodeId } from "./member.ts";

interface Queued {
  readonly bytes: Uint8Array;
  /** Whom a claim is about: newer news of it makes this one void. null = a broadcast, void only by age. */
  readonly subject: NodeId | null;
  /** Grows with each message put in. */
  readonly number: number;
  transmits: number;
}

export interface BroadcastQueue {
  readonly items: Map<string, Queued>;
  next: number;
  /** Put out because the queue was full. */
  dropped: number;
}

/** The oldest goes when one more comes. */
export const MAX_QUEUED = 1024;

export function newBroadcastQueue(): BroadcastQueue {
  return { items: new Map(), next: 0, dropped: 0 };
}

/** multiplier x ceil(log10(n + 1)), as memberlist does: epidemic spread needs O(log n) rounds. */
export function retransmitLimit(multiplier: number, members: number): number {
  return multiplier * Math.ceil(Math.log10(members + 1));
}

export function enqueue(
  queue: BroadcastQueue,
  key: string,
  subject: NodeId | null,
  bytes: Uint8Array,
): void {
  queue.items.delete(key);
  queue.items.set(key, { bytes, subject, number: queue.next++, transmits: 0 });
  if (queue.items.size <= MAX_QUEUED) return;
  const [oldest] = queue.items.keys();
  if (oldest !== undefined) queue.items.delete(oldest);
  queue.dropped++;
}

/** A claim about this one is void: something newer is known. */
export function dropSubject(queue: BroadcastQueue, subject: NodeId): void {
  for (const [key, item] of queue.items) if (item.subject === subject) queue.items.delete(key);
}

/** Messages for one packet, none of them for the `limit`-th time or later; what has had its turns is taken out. */
export function takeBroadcasts(
  queue: BroadcastQueue,
  budgetBytes: number,
  limit: number,
): Uint8Array[] {
  if (queue.items.size === 0) return [];
  const order = [...queue.items].toSorted(
    ([, a], [, b]) => a.transmits - b.transmits || b.number - a.number,
  );
  const taken: Uint8Array[] = [];
  let left = budgetBytes;
  for (const [key, item] of order) {
    if (item.bytes.length > left) continue;
    left -= item.bytes.length;
    taken.push(item.bytes);
    if (++item.transmits >= limit) queue.items.delete(key);
  }
  return taken;
}

/** One of them by name, for a push; counts as one transmission. */
export function takeNamed(queue: BroadcastQueue, key: string, limit: number): Uint8Array | null {
  const item = queue.items.get(key);
  if (item === undefined) return null;
  if (++item.transmits >= limit) queue.items.delete(key);
  return item.bytes;
}
