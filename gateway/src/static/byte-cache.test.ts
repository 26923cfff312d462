import { array, assert, constantFrom, integer, property, tuple } from "fast-check";
import { expect, test } from "vitest";
import { ByteCache } from "./byte-cache.ts";

test("what was not used for longest goes first", () => {
  const cache = new ByteCache<number>(10);
  cache.set("a", 1, 4);
  cache.set("b", 2, 4);
  expect(cache.get("a")).toBe(1);
  cache.set("c", 3, 4);
  expect(["a", "b", "c"].map((key) => cache.get(key))).toEqual([1, undefined, 3]);
});

test("what is too large by itself pushes nothing out", () => {
  const cache = new ByteCache<number>(10);
  cache.set("a", 1, 10);
  cache.set("b", 2, 11);
  expect([cache.get("a"), cache.get("b"), cache.bytes]).toEqual([1, undefined, 10]);
});

test("it never holds more than it may, and counts what it holds", () => {
  const steps = array(tuple(constantFrom("a", "b", "c", "d", "e"), integer({ min: 0, max: 7 })));
  assert(
    property(steps, (sets) => {
      const cache = new ByteCache<number>(12);
      for (const [key, bytes] of sets) cache.set(key, bytes, bytes);
      const held = ["a", "b", "c", "d", "e"].map((key) => cache.get(key) ?? 0);
      expect(cache.bytes).toBe(held.reduce((sum, bytes) => sum + bytes, 0));
      expect(cache.bytes).toBeLessThanOrEqual(12);
    }),
  );
});
