import { assert, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { delayMs, FUNCTION_CALL_RETRY, isRetryableStatus } from "./retry-policy.ts";

describe("the retry policy of function calls", () => {
  test.each([
    [1, 200],
    [2, 400],
    [3, 800],
    [6, 6400],
    [7, 10_000],
    [8, 10_000],
  ])("waits before retry %i for %i ms", (attempt, expected) => {
    expect(delayMs(FUNCTION_CALL_RETRY, attempt)).toBe(expected);
  });

  test("never waits longer than its maximum, nor less than at first", () => {
    assert(
      property(integer({ min: 1, max: 10_000 }), (attempt) => {
        const delay = delayMs(FUNCTION_CALL_RETRY, attempt);
        return (
          delay >= 200 && delay <= 10_000 && delay >= delayMs(FUNCTION_CALL_RETRY, attempt - 1)
        );
      }),
    );
  });

  test.each([
    [500, true],
    [429, true],
    [504, true],
    [409, false],
    [404, false],
    [501, false],
  ])("status %i is worth repeating: %s", (status, expected) => {
    expect(isRetryableStatus(FUNCTION_CALL_RETRY, status)).toBe(expected);
  });
});
