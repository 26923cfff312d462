import { describe, expect, test } from "vitest";
import type { Timers } from "@bifrost/shared/domain/time";
import { DEFAULT_RETRY, backoffMs } from "../serving/backoff.ts";
import { SubscriptionQueue } from "./subscription-queue.ts";
import type { Entry } from "./subscription-queue.ts";
import type { Subscription } from "./subscription.ts";

/** Timers that run when the test says so. */
function manualTimers(): Timers & { advance(ms: number): void } {
  let now = 0;
  let tasks: { at: number; task: () => void }[] = [];
  return {
    now: () => now,
    after(delayMs, task) {
      const entry = { at: now + delayMs, task };
      tasks.push(entry);
      return { cancel: () => (tasks = tasks.filter((other) => other !== entry)) };
    },
    sleep: () => Promise.reject(new Error("not used")),
    advance(ms) {
      now += ms;
      const due = tasks.filter(({ at }) => at <= now);
      tasks = tasks.filter(({ at }) => at > now);
      for (const { task } of due) task();
    },
  };
}

function queueOf(over: Partial<Subscription> = {}, storable = () => true) {
  const timers = manualTimers();
  const acked: string[] = [];
  const exhausted: Entry[] = [];
  let acks = 0;
  const config: Subscription = {
    name: "s",
    topic: "t",
    ackDeadlineSeconds: 10,
    ordered: false,
    filter: "",
    retentionSeconds: 60,
    labels: {},
    ...over,
  };
  const queue = new SubscriptionQueue(config, {
    timers,
    newAckId: () => `ack${(acks += 1)}`,
    onLeased: storable,
    onAcked: (entries) => void acked.push(...entries.map(({ message }) => message.id)),
    onExhausted: (entry) => exhausted.push(entry) > 0,
  });
  const offer = (id: string, orderingKey = "") =>
    queue.offer({ message: { id, at: 0, data: "", attributes: {}, orderingKey }, attempt: 0 });
  const take = (max = 10) => queue.take(max).map(({ message }) => message.id);
  return { queue, timers, acked, exhausted, offer, take };
}

describe("a subscription queue", () => {
  test("gives a message again when its lease runs out", () => {
    const { offer, take, timers } = queueOf();
    offer("1");
    expect(take()).toEqual(["1"]);
    timers.advance(9_999);
    expect(take()).toEqual([]);
    timers.advance(1);
    expect(take()).toEqual(["1"]);
  });

  test("an extended lease runs from the extension", () => {
    const { queue, offer, take, timers } = queueOf();
    offer("1");
    const ackId = queue.take(1)[0]?.ackId ?? "";
    timers.advance(9000);
    queue.extend(ackId, 10);
    timers.advance(9000);
    expect(take()).toEqual([]);
    timers.advance(1000);
    expect(take()).toEqual(["1"]);
  });

  test("a late acknowledgement changes nothing", () => {
    const { queue, offer, timers, acked, take } = queueOf();
    offer("1");
    const ackId = queue.take(1)[0]?.ackId ?? "";
    timers.advance(10_000);
    queue.ack([ackId]);
    expect(acked).toEqual([]);
    expect(take()).toEqual(["1"]);
  });

  test("backs off between attempts and gives up after the last", () => {
    const deadLetter = { topic: "dead", maxDeliveryAttempts: 5 };
    const { queue, offer, timers, exhausted } = queueOf({ deadLetter, retry: DEFAULT_RETRY });
    offer("1");
    for (const wait of [10_000, 20_000, 40_000, 80_000]) {
      queue.nack(queue.take(1)[0]?.ackId ?? "");
      timers.advance(wait - 1);
      expect(queue.take(1)).toEqual([]);
      timers.advance(1);
    }
    queue.nack(queue.take(1)[0]?.ackId ?? "");
    expect(exhausted.map(({ attempt }) => attempt)).toEqual([5]);
    expect([queue.backlog, queue.outstanding]).toEqual([0, 0]);
  });

  test("holds back later messages of a key until the earlier one is done with", () => {
    const { queue, offer, take } = queueOf({ ordered: true });
    for (const id of ["a1", "a2", "b1"]) offer(id, id.slice(0, 1));
    const [first] = queue.take(1);
    expect(take()).toEqual(["b1"]);
    queue.nack(first?.ackId ?? "");
    const [again] = queue.take(5);
    expect(again?.message.id).toBe("a1");
    queue.ack([again?.ackId ?? ""]);
    expect(take()).toEqual(["a2"]);
  });

  test("delivers nothing while attempts cannot be stored, and loses nothing", () => {
    let full = true;
    const { offer, take } = queueOf({}, () => !full);
    offer("1");
    expect(take()).toEqual([]);
    full = false;
    expect(take()).toEqual(["1"]);
  });
});

test("backoff doubles up to the maximum", () => {
  const waits = [1, 2, 3, 7, 8, 100].map((attempt) => backoffMs(DEFAULT_RETRY, attempt));
  expect(waits).toEqual([10_000, 20_000, 40_000, 600_000, 600_000, 600_000]);
});
