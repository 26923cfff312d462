import { array, assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { TokenBuckets } from "./token-buckets.ts";

function rig(): { clock: { time: number; now(): number }; buckets: TokenBuckets } {
  const clock = {
    time: 0,
    now(): number {
      return this.time;
    },
  };
  return { clock, buckets: new TokenBuckets(clock) };
}

test("a burst passes at once, then as many as the rate says, and the wait is true", () => {
  const { clock, buckets } = rig();
  const spend = (): number => buckets.spend("p", "k", 2, 3);
  expect([spend(), spend(), spend(), spend()]).toEqual([0, 0, 0, 0.5]);
  clock.time = 499;
  expect(spend()).toBeCloseTo(0.001);
  clock.time = 500;
  expect([spend(), spend()]).toEqual([0, 0.5]);
});

test("a clock that is set back gives nothing away", () => {
  const { clock, buckets } = rig();
  clock.time = 1_000_000;
  expect(buckets.spend("p", "k", 1, 1)).toBe(0);
  clock.time = 0;
  expect(buckets.spend("p", "k", 1, 1)).toBe(1);
});

test("never more than the burst and what the time gave passes", () => {
  assert(
    property(
      integer({ min: 1, max: 20 }),
      integer({ min: 1, max: 10 }),
      array(integer({ min: 0, max: 400 })),
      (rate, burst, steps) => {
        const { clock, buckets } = rig();
        let passed = 0;
        for (const step of steps) {
          clock.time += step;
          if (buckets.spend("p", "k", rate, burst) === 0) passed++;
        }
        expect(passed).toBeLessThanOrEqual(burst + (clock.time * rate) / 1000 + 1e-6);
      },
    ),
  );
});

test("a million keys stay within two generations, and the ones in use are not forgotten", () => {
  const { buckets } = rig();
  const waits = new Set<number>();
  expect(buckets.spend("p", "regular", 1, 1)).toBe(0);
  for (let i = 0; i < 1_000_000; i++) {
    buckets.spend("p", `client-${i}`, 1, 1);
    if (i % 10_000 === 0) waits.add(buckets.spend("p", "regular", 1, 1));
  }
  expect([...waits]).toEqual([1]);
  expect(buckets.size).toBeLessThanOrEqual(2 * 65_536);
  expect(buckets.takeSpent().length).toBe(4096);
});

test("the keys of one policy do not crowd out those of another", () => {
  const { buckets } = rig();
  buckets.spend("small", "k", 1, 1);
  for (let i = 0; i < 200_000; i++) buckets.spend("large", `c${i}`, 1, 1);
  expect(buckets.spend("small", "k", 1, 1)).toBe(1);
});

test("very many policies share one bound", () => {
  const { buckets } = rig();
  for (let policy = 0; policy < 24; policy++) {
    for (let i = 0; i < 60_000; i++) buckets.spend(`p${policy}`, `c${i}`, 1, 1);
  }
  expect(buckets.size).toBeLessThanOrEqual(16 * 65_536 + 4096);
});

test("what one worker spends is taken away in another, once", () => {
  const [one, other] = [rig().buckets, rig().buckets];
  for (let i = 0; i < 3; i++) one.spend("p", "k", 1, 5);
  const spent = one.takeSpent();
  expect(spent).toEqual([{ policy: "p", key: "k", tokens: 3, rate: 1, burst: 5 }]);
  expect(one.takeSpent()).toEqual([]);
  other.applySpent(spent);
  expect([
    other.spend("p", "k", 1, 5),
    other.spend("p", "k", 1, 5),
    other.spend("p", "k", 1, 5),
  ]).toEqual([0, 0, 1]);
  expect(other.takeSpent()).toEqual([{ policy: "p", key: "k", tokens: 2, rate: 1, burst: 5 }]);
});

test("a bucket owes one burst at most", () => {
  const { buckets } = rig();
  buckets.applySpent([{ policy: "p", key: "k", tokens: 1000, rate: 1, burst: 5 }]);
  expect(buckets.spend("p", "k", 1, 5)).toBe(6);
});

test("a key of any length is one key", () => {
  const { buckets } = rig();
  const long = "x".repeat(5000);
  expect([
    buckets.spend("p", `${long}a`, 1, 1),
    buckets.spend("p", `${long}b`, 1, 1),
    buckets.spend("p", `${long}a`, 1, 1),
  ]).toEqual([0, 0, 1]);
});
