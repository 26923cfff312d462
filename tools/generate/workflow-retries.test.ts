import { describe, expect, test } from "vitest";
import { generateWorkflowRetries, hasRetryBlocks } from "./workflow-retries.ts";

const POLICY = {
  maxRetries: 3,
  initialDelaySeconds: 0.5,
  maxDelaySeconds: 4,
  multiplier: 2,
  statuses: [500, 503],
};
const TEXT = [
  "before",
  "  # begin generated: retry (npm run generate)",
  "  stale",
  "  # end generated: retry",
  "after",
].join("\n");

describe("generating the retry blocks", () => {
  test("replaces what is between the markers, at their indentation", () => {
    expect(generateWorkflowRetries(TEXT, POLICY).split("\n")).toEqual([
      "before",
      "  # begin generated: retry (npm run generate)",
      "  retry:",
      "    predicate: ${is_worth_repeating}",
      "    max_retries: 3",
      "    backoff:",
      "      initial_delay: 0.5",
      "      max_delay: 4",
      "      multiplier: 2",
      "  # end generated: retry",
      "after",
    ]);
  });

  test("changes nothing the second time", () => {
    const once = generateWorkflowRetries(TEXT, POLICY);
    expect(generateWorkflowRetries(once, POLICY)).toBe(once);
  });

  test("leaves text without markers alone", () => {
    expect(generateWorkflowRetries("main: []", POLICY)).toBe("main: []");
    expect(hasRetryBlocks("main: []")).toBe(false);
    expect(hasRetryBlocks(TEXT)).toBe(true);
  });

  test("refuses a block that is never closed", () => {
    const open = TEXT.replace("  # end generated: retry\n", "");
    expect(() => generateWorkflowRetries(open, POLICY)).toThrow(/never closed/);
  });
});
