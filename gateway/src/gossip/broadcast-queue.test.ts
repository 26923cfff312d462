import { describe, expect, it } from "vitest";
import {
  dropSubject,
  enqueue,
  MAX_QUEUED,
  newBroadcastQueue,
  retransmitLimit,
  takeBroadcasts,
} from "./broadcast-queue.ts";

const bytes = (value: number, length = 10): Uint8Array => new Uint8Array(length).fill(value);
const firsts = (taken: readonly Uint8Array[]): (number | undefined)[] => taken.map(([one]) => one);

describe("news on its way", () => {
  it.each([
    [2, 4],
    [5, 4],
    [9, 8],
    [10, 8],
    [99, 8],
    [100, 12],
  ])("goes out so often among %i members: %i times", (members, times) => {
    expect(retransmitLimit(4, members)).toBe(times);
  });

  it("is taken the least sent first, of those the newest, as far as it fits", () => {
    const queue = newBroadcastQueue();
    for (const value of [1, 2, 3]) enqueue(queue, `k${value}`, null, bytes(value));
    expect(firsts(takeBroadcasts(queue, 25, 4))).toEqual([3, 2]);
    expect(firsts(takeBroadcasts(queue, 25, 4))).toEqual([1, 3]);
  });

  it("has its turns and is gone, and riding along is no turn", () => {
    const queue = newBroadcastQueue();
    enqueue(queue, "k", null, bytes(1));
    for (let i = 0; i < 5; i++) expect(takeBroadcasts(queue, 100, null)).toHaveLength(1);
    expect(takeBroadcasts(queue, 100, 2)).toHaveLength(1);
    expect(takeBroadcasts(queue, 100, 2)).toHaveLength(1);
    expect(takeBroadcasts(queue, 100, 2)).toEqual([]);
  });

  it("is void once something newer is known of the same member", () => {
    const queue = newBroadcastQueue();
    enqueue(queue, "n1:a", "n1", bytes(1));
    enqueue(queue, "n1:b", "n1", bytes(2));
    enqueue(queue, "n2", "n2", bytes(3));
    dropSubject(queue, "n1");
    expect(firsts(takeBroadcasts(queue, 100, 4))).toEqual([3]);
  });

  it("is bounded: the oldest goes, and is counted", () => {
    const queue = newBroadcastQueue();
    for (let i = 0; i < MAX_QUEUED + 5; i++) enqueue(queue, `k${i}`, null, bytes(1));
    expect([queue.items.size, queue.dropped, queue.items.has("k4")]).toEqual([
      MAX_QUEUED,
      5,
      false,
    ]);
  });
});
