import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ByteBudget } from "./byte-budget.ts";
import { Outbox } from "./outbox.ts";

const unlimited = (): ByteBudget => new ByteBudget(Number.MAX_SAFE_INTEGER);

function idsIn(frame: string): number[] {
  const json = frame.slice(frame.indexOf("\n") + 1);
  expect(frame.startsWith(`${json.length}\n`)).toBe(true);
  return (JSON.parse(json) as [number, unknown][]).map(([id]) => id);
}

test("whatever is acknowledged when, a page gets every message once and in order, and nothing is kept", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("add" as const), text: fc.string({ unit: "binary" }) }),
      fc.record({ kind: fc.constant("fetch" as const), maxBytes: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ kind: fc.constant("acknowledge" as const) }),
      // The page did not get the answer: it asks again from what it has.
      fc.record({ kind: fc.constant("lose" as const) }),
    ),
  );
  fc.assert(
    fc.property(steps, (plan) => {
      const budget = new ByteBudget(1_000_000);
      const outbox = new Outbox(1_000_000, budget);
      const arrived: number[] = [];
      const fetch = (maxBytes: number, isLost: boolean): boolean => {
        const delivery = outbox.after(arrived.at(-1) ?? 0, maxBytes);
        if (delivery === undefined) return false;
        const ids = idsIn(delivery.frame);
        expect(ids.at(-1)).toBe(delivery.lastId);
        if (!isLost) arrived.push(...ids);
        return true;
      };
      for (const step of plan) {
        if (step.kind === "add") expect(outbox.add([step.text])).toBe(true);
        else if (step.kind === "fetch") fetch(step.maxBytes, false);
        else if (step.kind === "lose") fetch(20, true);
        else outbox.acknowledge(arrived.at(-1) ?? 0);
      }
      while (fetch(50, false));
      expect(arrived).toEqual(Array.from({ length: outbox.lastId }, (_, index) => index + 1));
      outbox.acknowledge(outbox.lastId);
      expect(outbox.bytes).toBe(0);
      expect(budget.take(1_000_000)).toBe(true);
    }),
  );
});

test("a frame holds as many messages as fit, and one that is larger by itself", () => {
  const outbox = new Outbox(1000, unlimited());
  for (const text of ["a", "b", "c".repeat(100), "d"]) outbox.add([text]);
  const frames: number[][] = [];
  for (let id = 0; ;) {
    const delivery = outbox.after(id, 20);
    if (delivery === undefined) break;
    frames.push(idsIn(delivery.frame));
    id = delivery.lastId;
  }
  expect(frames).toEqual([[1, 2], [3], [4]]);
});

test("what does not fit is refused: into the outbox, or into what all of them may hold", () => {
  const shared = new ByteBudget(30);
  const first = new Outbox(20, shared);
  const second = new Outbox(20, shared);
  const tenBytes = ["abcd"].map((text) => text.slice(0, 2));
  expect(JSON.stringify([1, tenBytes])).toHaveLength(10);
  expect([first.add(tenBytes), first.add(tenBytes), first.add(tenBytes)]).toEqual([
    true,
    true,
    false,
  ]);
  expect([second.add(tenBytes), second.add(tenBytes)]).toEqual([true, false]);
  first.clear();
  expect(second.add(tenBytes)).toBe(true);
});
