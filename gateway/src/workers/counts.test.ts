import { array, assert, constantFrom, nat, property, record, tuple } from "fast-check";
import { expect, test } from "vitest";
import { count, MAX_SERIES, plus } from "./counts.ts";

const counts = record({
  requests: nat(1000),
  buckets: tuple(nat(9), nat(9), nat(9)),
  byKey: array(tuple(constantFrom("a", "b", "c"), nat(9)), { maxLength: 5 }).map(
    (entries) => new Map(entries),
  ),
  nested: record({ sum: nat(1000) }),
});

function manyKeys(prefix: string): Map<string, number> {
  const map = new Map<string, number>();
  for (let at = 0; at < 2 * MAX_SERIES; at++) count(map, `${prefix}${at}`);
  return map;
}

test("totals are the same in whatever order reports arrive, and none falls", () => {
  assert(
    property(counts, counts, counts, (a, b, c) => {
      expect(plus(plus(a, b), c)).toEqual(plus(plus(c, a), b));
      const sum = plus(a, b);
      expect(sum.requests).toBe(a.requests + b.requests);
      for (const [key, value] of a.byKey) expect(sum.byKey.get(key)).toBeGreaterThanOrEqual(value);
      expect(sum.buckets).toEqual(a.buckets.map((value, at) => value + (b.buckets[at] ?? 0)));
    }),
  );
});

test("neither operand is changed", () => {
  const a = { byKey: new Map([["x", 1]]), list: [1] };
  plus(a, { byKey: new Map([["x", 2]]), list: [5] });
  expect(a).toEqual({ byKey: new Map([["x", 1]]), list: [1] });
});

test("beyond a thousand keys what is new is counted as other, also when two processes know different keys", () => {
  const one = manyKeys("a");
  expect(one.size).toBe(MAX_SERIES + 1);
  expect(one.get("other")).toBe(MAX_SERIES);
  const both = plus(one, manyKeys("b"));
  expect(both.size).toBe(MAX_SERIES + 1);
  expect([...both.values()].reduce((sum, value) => sum + value, 0)).toBe(4 * MAX_SERIES);
});
