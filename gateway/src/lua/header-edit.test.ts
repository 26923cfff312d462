import { array, assert, constantFrom, property, record } from "fast-check";
import { expect, test } from "vitest";
import { headerEdit, type HeaderOperation, joinEdits } from "./header-edit.ts";

interface Line {
  readonly name: string;
  readonly value: string;
}

const names = constantFrom(
  "a",
  "A",
  "ab",
  "Ab",
  "x-a",
  "X-A",
  "x-ab",
  "x_ab",
  "X_Ab",
  "set-cookie",
  "Set-Cookie",
  "b^",
  "b~",
);
const values = constantFrom("", "1", "a: b", "x-a:1", "\xe9");
const lines = array(record({ name: names, value: values }), { maxLength: 8 });
const operations = array(
  record({
    kind: constantFrom("set" as const, "add" as const, "remove" as const),
    name: names,
    value: values,
  }),
  { maxLength: 8 },
);

function textOf(block: readonly Line[]): string {
  return block.map(({ name, value }) => `${name}: ${value}\r\n`).join("");
}

function spelled(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

/** One operation after another on a list of lines, as one would say it. */
function naively(block: readonly Line[], todo: readonly (Line & { kind: string })[]): Line[] {
  let result = [...block];
  for (const { kind, name, value } of todo) {
    if (kind !== "add") result = result.filter((line) => spelled(line.name) !== spelled(name));
    if (kind !== "remove") result.push({ name, value });
  }
  return result;
}

function edited(block: string, todo: readonly HeaderOperation[]): string {
  return headerEdit(todo)?.apply(block) ?? block;
}

test("an edit does what its operations do one after another", () => {
  assert(
    property(lines, operations, (block, todo) => {
      expect(edited(textOf(block), todo)).toBe(textOf(naively(block, todo)));
    }),
    { numRuns: 2000 },
  );
});

test("joined edits do what both do one after the other", () => {
  assert(
    property(lines, operations, operations, (block, first, second) => {
      const joined = joinEdits(headerEdit(first), headerEdit(second));
      const text = textOf(block);
      expect(joined?.apply(text) ?? text).toBe(edited(edited(text, first), second));
    }),
    { numRuns: 2000 },
  );
});

test.each(["x-a-b: 1\r\n", "xx-a: 1\r\n", "x: x-a: 1\r\n", "x-: a\r\n"])(
  "removing x-a leaves %j alone",
  (block) => {
    expect(edited(block, [{ kind: "remove", name: "X-A" }])).toBe(block);
  },
);
