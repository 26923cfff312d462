import { describe, expect, test } from "vitest";
import { summarize, type FinishedTest } from "./test-summary.ts";

const passed: FinishedTest = { name: "a", state: "passed", note: undefined };
const failed: FinishedTest = { name: "b", state: "failed", note: undefined };
const skipped = (note?: string): FinishedTest => ({ name: "c", state: "skipped", note });

test("every skipped test is named with its reason, and all are counted", () => {
  const tests = [passed, passed, failed, skipped("go is not installed"), skipped()];
  expect(summarize(tests, []).text.split("\n")).toEqual([
    "skipped: go is not installed: c",
    "skipped: no reason given: c",
    "2 passed, 1 failed, 2 skipped",
  ]);
});

describe("a skip", () => {
  test.each([
    ["for want of a required tool", "go is not installed", ["bwrap", "go"], false],
    ["for want of another tool", "podman is not installed", ["bwrap", "go"], true],
    ["for want of a required service", "npm-registry is not reachable", ["npm-registry"], false],
    ["that gives no reason, where tools are required", undefined, ["go"], false],
    ["for another reason, where tools are required", "too slow today", ["go"], false],
    ["that gives no reason, where nothing is required", undefined, [], true],
  ])("%s", (_what, note, required, isAllowed) => {
    const summary = summarize([passed, skipped(note)], required);
    expect(summary.isAllowed).toBe(isAllowed);
    expect(summary.text.includes("BIFROST_REQUIRE")).toBe(!isAllowed);
  });
});
