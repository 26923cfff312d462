import { expect, test } from "vitest";
import { isCrashLoop, recentEnds, restartDelayMs } from "./restart-delay.ts";

const NOW = 1_000_000;
const endsAt = (...secondsAgo: readonly number[]) => secondsAgo.map((s) => NOW - s * 1000);

test.each([
  ["the first end costs no time", endsAt(0), 0, false],
  ["the second waits a little", endsAt(5, 0), 100, false],
  ["each one more waits twice as long", endsAt(9, 5, 0), 200, false],
  ["five in a minute are a loop", endsAt(9, 7, 5, 3, 0), 800, true],
  [
    "no wait is longer than ten seconds",
    endsAt(50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 0),
    10_000,
    true,
  ],
  ["what is a minute ago is forgotten", endsAt(200, 120, 61, 60, 0), 0, false],
])("%s", (_what, ends, delayMs, isLoop) => {
  expect(restartDelayMs(ends, NOW)).toBe(delayMs);
  expect(isCrashLoop(ends, NOW)).toBe(isLoop);
  expect(recentEnds(ends, NOW).every((at) => NOW - at < 60_000)).toBe(true);
});
