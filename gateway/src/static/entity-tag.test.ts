import { expect, test } from "vitest";
import { entityTag, isExpected, isKnown, mayResume } from "./entity-tag.ts";

const TAG = entityTag("ab12", null);
const BR = entityTag("ab12", "br");

test("each form of a file has a tag of its own", () => {
  expect([TAG, BR, entityTag("ab12", "gzip")]).toEqual(['"ab12"', '"ab12-br"', '"ab12-gzip"']);
});

test.each([
  [undefined, false],
  [TAG, true],
  [`W/${TAG}`, true],
  [`"x", ${TAG}`, true],
  [`"x" , W/${TAG},"y"`, true],
  ["*", true],
  [BR, false],
  ["ab12", false],
  ['"ab1"', false],
])("If-None-Match: %s knows it = %s", (header, known) => {
  expect(isKnown(header, TAG)).toBe(known);
});

test.each([
  [undefined, true],
  [TAG, true],
  ["*", true],
  [`"x", ${TAG}`, true],
  [`W/${TAG}`, false],
  [BR, false],
])("If-Match: %s expects it = %s", (header, expected) => {
  expect(isExpected(header, TAG)).toBe(expected);
});

test.each([
  [undefined, true],
  [TAG, true],
  [`W/${TAG}`, false],
  [BR, false],
  ["Sat, 29 Oct 1994 19:43:31 GMT", false],
])("If-Range: %s may resume = %s", (header, may) => {
  expect(mayResume(header, TAG)).toBe(may);
});
