import { assert, constantFrom, array, json, property, string } from "fast-check";
import { expect, test } from "vitest";
import { jsonMistake } from "./json-text.ts";

test.each([
  ["", 1, 1, "the end of the file", "a value"],
  ['{"a": 1', 1, 8, "the end of the file", '"," or "}"'],
  ['{\n  "a": 1\n  "b": 2}', 3, 3, "a string", '"," or "}"'],
  ['{\n  "a": [1,\n  ]}', 3, 3, '"]" behind a ","', "a value"],
  ["{a: 1}", 1, 2, "something else", "a name in double quotes"],
  ['{"a" 1}', 1, 6, "something else", '":" behind the name'],
  ['{ // no\n "a": 1}', 1, 3, "a comment, which JSON does not have", "a name in double quotes"],
  ['{"a": {"b": 1, "b": 2}}', 1, 16, "a name that this object has already", "each name once"],
  ["{} {}", 1, 4, "something else", "the end of the file"],
  ["[".repeat(100), 1, 34, "something else", "at most 32 levels of objects and lists"],
])("%j", (text, line, column, found, allowed) => {
  expect(jsonMistake(text)).toEqual({ line, column, found, allowed });
});

test("one name in two objects is no mistake", () => {
  expect(jsonMistake('{"a": {"a": [{"a": 1}, {"a": 2}]}}')).toBeNull();
});

function isAgreed(text: string): boolean {
  return parses(text) || jsonMistake(text) !== null;
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test("what JSON.parse takes is taken, names that are there twice and depth aside", () => {
  assert(property(json({ maxDepth: 5 }), (text) => jsonMistake(text) === null));
});

test("what JSON.parse isAgreed is refused", () => {
  const pieces = array(
    constantFrom(...'{ } [ ] , : " 1 -1 01 1.5 1e5 true nul null \\ \\u00e9 \n \t a'.split(" ")),
  ).map((parts) => parts.join(""));
  assert(property(pieces, isAgreed), { numRuns: 2000 });
  assert(property(string(), isAgreed));
});
