import { assert, constantFrom, integer, property, record, shuffledSubarray } from "fast-check";
import { expect, test } from "vitest";
import { added, laterCount, NO_COUNT, type Count } from "./count.ts";
import { KeyCounts, type TotalUse } from "./key-counts.ts";

const count = record({
  birth: integer({ min: 0, max: 3 }),
  spent: integer({ min: 0, max: 100 }),
  asked: integer({ min: 0, max: 100 }),
});

test("merging is commutative, associative and idempotent", () => {
  assert(
    property(count, count, count, (a, b, c) => {
      expect(laterCount(a, b)).toEqual(laterCount(b, a));
      expect(laterCount(laterCount(a, b), c)).toEqual(laterCount(a, laterCount(b, c)));
      expect(laterCount(a, a)).toEqual(a);
      expect(laterCount(NO_COUNT, a)).toEqual(a);
    }),
  );
});

test("what is added is never negative, and a later birth adds all of its own", () => {
  assert(
    property(count, count, (former, heard) => {
      const later = laterCount(former, heard);
      const more = added(former, later);
      expect(Math.min(more.spent, more.asked)).toBeGreaterThanOrEqual(0);
      const whole = later.birth === former.birth ? former.spent + more.spent : more.spent;
      expect(whole).toBe(later.spent);
    }),
  );
});

const LIMIT = { rate: 0.001, burst: 1000 };

function total(spent: number): TotalUse {
  const own: Count = { birth: 1, spent, asked: spent };
  return { hash: "12345678", ...LIMIT, ...own };
}

/** What a data plane that comes now is told was spent elsewhere. */
function toldTo(counts: KeyCounts): number {
  counts.name = { scope: "s", key: "k" };
  return Math.round(counts.tell(1, 0)?.spent ?? 0);
}

test("whatever the order in which messages come, and however often, the sum is the same; a restart never lowers it", () => {
  // Of two nodes, and of a second start of the first.
  const messages = [
    { start: "a#1", spent: 3 },
    { start: "a#1", spent: 7 },
    { start: "b#1", spent: 20 },
    { start: "b#1", spent: 5 },
    { start: "a#2", spent: 1 },
    { start: "a#2", spent: 2 },
  ];
  const order = shuffledSubarray(messages, { minLength: messages.length });
  assert(
    property(order, order, constantFrom(1, 2), (first, again, times) => {
      const counts = new KeyCounts("12345678", LIMIT, 0, 0);
      const all = times === 1 ? first : [...first, ...again];
      for (const { start, spent } of all) {
        counts.merge({ start, clock: spent, isLive: true }, total(spent), 0);
      }
      expect(toldTo(counts)).toBe(7 + 20 + 2);
    }),
  );
});

test("what is already forgotten begins anew: of a later birth everything counts", () => {
  const counts = new KeyCounts("12345678", LIMIT, 0, 0);
  const start = { start: "a#1", clock: 1, isLive: true };
  counts.merge(start, total(500), 0);
  counts.merge({ ...start, clock: 2 }, { ...total(30), birth: 9 }, 0);
  counts.merge({ ...start, clock: 1 }, total(500), 0);
  expect(toldTo(counts)).toBe(530);
});
