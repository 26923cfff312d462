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

/**
 * multiplier x ceil(log10(n + 1)), as memberlist does: epidemic spread needs O(log n) rounds. In a small cluster at least
 * once to each other member, up to what 10 members get: there nothing depends on luck.
 */
export function retransmitLimit(multiplier: number, members: number): number {
  const epidemic = multiplier * Math.ceil(Math.log10(members + 1));
  return Math.max(epidemic, Math.min(2 * multiplier, members - 1));
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

/**
 * Messages for one packet. `limit` = this counts as a turn, and what has had so many is taken out; null = it does not: what
 * rides along with other packets comes on top of the turns that reach everyone.
 */
export function takeBroadcasts(
  queue: BroadcastQueue,
  budgetBytes: number,
  limit: number | null,
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
    if (limit !== null && ++item.transmits >= limit) queue.items.delete(key);
  }
  return taken;
}
