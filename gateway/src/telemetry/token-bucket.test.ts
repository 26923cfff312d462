import * as fc from "fast-check";
import { expect, test } from "vitest";
import { TokenBucket } from "./token-bucket.ts";

test("never lets through more than the burst and what came since, whatever the clock does", () => {
  const step = fc.record({
    ms: fc.integer({ min: -5000, max: 5000 }),
    count: fc.integer({ min: 1, max: 30 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const bucket = new TokenBucket(10, 20, 0);
      let now = 0;
      let forwardMs = 0;
      let taken = 0;
      for (const { ms, count } of steps) {
        now += ms;
        forwardMs += Math.max(0, ms);
        if (count <= 20 && bucket.take(count, now) === 0) taken += count;
        expect(taken).toBeLessThanOrEqual(20 + forwardMs / 100);
      }
    }),
  );
});

test("says how long to wait, and then lets through", () => {
  const bucket = new TokenBucket(10, 20, 0);
  expect(bucket.take(20, 0)).toBe(0);
  expect(bucket.take(5, 0)).toBe(500);
  expect(bucket.take(5, 499)).toBe(1);
  expect(bucket.take(5, 500)).toBe(0);
  expect(bucket.isFull(2499)).toBe(false);
  expect(bucket.isFull(2500)).toBe(true);
});
