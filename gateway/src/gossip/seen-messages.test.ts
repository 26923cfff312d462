import { expect, it } from "vitest";
import { isFirstTime, newSeenMessages } from "./seen-messages.ts";

const TTL_MS = 120_000;

it("a message is new once within its time, and again after it", () => {
  const seen = newSeenMessages();
  const at = (now: number) => isFirstTime(seen, "#1.1", now, TTL_MS);
  expect([at(0), at(1), at(TTL_MS - 1), at(TTL_MS), at(TTL_MS + 1)]).toEqual([
    true,
    false,
    false,
    true,
    false,
  ]);
});

it("what is remembered is bounded by time, and by number in a flood", () => {
  const seen = newSeenMessages();
  for (let i = 0; i < 80_000; i++) isFirstTime(seen, `#1.${i}`, 0, TTL_MS);
  expect(seen.until.size).toBeLessThanOrEqual(65_536);
  expect(isFirstTime(seen, "#1.79999", 1, TTL_MS)).toBe(false);
  isFirstTime(seen, "#2.1", TTL_MS, TTL_MS);
  expect(seen.until.size).toBe(1);
});
