import { expect, test } from "vitest";
import { formatResumeToken, parseResumeToken } from "./resume-token.ts";

test("a token comes back as the commit it was made at", () => {
  expect(parseResumeToken(formatResumeToken("store", 42), "store")).toBe(42);
});

test.each([
  ["of another store", formatResumeToken("other", 42)],
  ["of a store whose name begins alike", formatResumeToken("store:1", 42)],
  ["of a time", Buffer.from("2026-01-01T00:00:00.000000Z").toString("base64")],
  ["without a commit", Buffer.from("store:").toString("base64")],
  ["with a negative commit", Buffer.from("store:-1").toString("base64")],
  [
    "with more digits than a number holds",
    Buffer.from(`store:${"9".repeat(20)}`).toString("base64"),
  ],
  ["that is empty", ""],
  ["that is no base64", "%%%"],
])("a token %s is none of this store's", (_, token) => {
  expect(parseResumeToken(token, "store")).toBeNull();
});
