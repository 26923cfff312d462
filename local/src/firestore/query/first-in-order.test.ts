import { array, assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { firstInOrder } from "./first-in-order.ts";

const byKey = (a: { key: number }, b: { key: number }): number => a.key - b.key;

test("gives what sorting everything and cutting gives, equal items in the order they came", () => {
  const items = array(integer({ min: 0, max: 20 }), { maxLength: 60 });
  const check = property(items, integer({ min: 0, max: 30 }), (keys, count) => {
    const all = keys.map((key, at) => ({ key, at }));
    expect(firstInOrder(all, count, byKey)).toEqual(all.toSorted(byKey).slice(0, count));
    expect(firstInOrder(all, Number.POSITIVE_INFINITY, byKey)).toEqual(all.toSorted(byKey));
  });
  assert(check);
});
