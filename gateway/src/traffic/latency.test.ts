import { array, assert, double, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { addBins, binOf, FIRST_BIN, LAST_BIN, quantilesOf } from "./latency.ts";

function binsOf(durations: readonly number[]): Map<number, number> {
  const bins = new Map<number, number>();
  for (const ms of durations) addBins(bins, new Map([[binOf(ms), 1]]));
  return bins;
}

test("quantiles are those of the durations, within 1 %, however they were shared among nodes", () => {
  const durations = array(integer({ min: 1, max: 3_000_000 }), { minLength: 1, maxLength: 300 });
  assert(
    property(durations, double({ min: 0, max: 1, noNaN: true }), (all, share) => {
      const sum = new Map<number, number>();
      for (const part of [all.filter((ms) => ms % 3 === 0), all.filter((ms) => ms % 3 !== 0)]) {
        addBins(sum, binsOf(part));
      }
      const sorted = all.toSorted((a, b) => a - b);
      const exact = sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
      const [found = 0] = quantilesOf(sum, [share]);
      expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact * 0.0101);
    }),
  );
});

test.each([
  [-5, FIRST_BIN],
  [0, FIRST_BIN],
  [0.4, FIRST_BIN],
  [3_600_000, LAST_BIN],
  [Infinity, LAST_BIN],
])("%d ms falls into bin %d", (ms, bin) => {
  expect(binOf(ms)).toBe(bin);
});

test("nothing counted is no time", () => {
  expect(quantilesOf(new Map(), [0.5, 0.99])).toEqual([0, 0]);
});
