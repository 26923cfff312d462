import { array, assert, constantFrom, integer, nat, oneof, property } from "fast-check";
import { expect, test } from "vitest";
import { ReplayWindow, WINDOW } from "./replay-window.ts";

function take(window: ReplayWindow, counter: number): boolean {
  const isNew = window.isNew(counter);
  if (isNew) window.mark(counter);
  return isNew;
}

test("a counter is taken once, and only while it is among the last 1024", () => {
  const step = oneof(
    integer({ min: -WINDOW - 2, max: 40 }),
    integer({ min: -3, max: 3 * WINDOW }),
    constantFrom(0, 1, WINDOW, WINDOW - 1, -WINDOW, 1 - WINDOW),
  );
  assert(
    property(nat(2 ** 40), array(step, { maxLength: 300 }), (first, steps) => {
      const window = new ReplayWindow();
      const taken = new Set<number>();
      let highest = -1;
      let counter = first;
      for (const by of steps) {
        counter = Math.max(0, counter + by);
        const expected = counter > highest - WINDOW && !taken.has(counter);
        expect(take(window, counter)).toBe(expected);
        taken.add(counter);
        highest = Math.max(highest, expected ? counter : highest);
      }
    }),
    { numRuns: 300 },
  );
});

test("asking does not move the window", () => {
  const window = new ReplayWindow();
  take(window, 5);
  expect(window.isNew(1_000_000)).toBe(true);
  expect(window.isNew(4)).toBe(true);
});
