import { expect, test } from "vitest";
import { assert, integer, property } from "fast-check";
import { readRange } from "./read-range.ts";

const part = (start: number, end: number) => ({ kind: "part", range: { start, end } });
const whole = { kind: "whole" };
const outside = { kind: "outside" };

test.each([
  [undefined, whole],
  ["", whole],
  ["bytes=0-0", part(0, 0)],
  ["bytes=0-99", part(0, 99)],
  ["bytes=0-100", part(0, 99)],
  ["bytes=0-999999999999999", part(0, 99)],
  ["bytes=10-19", part(10, 19)],
  ["bytes=99-", part(99, 99)],
  ["bytes=100-", outside],
  ["bytes=100-200", outside],
  ["bytes=-1", part(99, 99)],
  ["bytes=-100", part(0, 99)],
  ["bytes=-101", part(0, 99)],
  ["bytes=-0", outside],
  ["bytes= 1-2 ", part(1, 2)],
  ["BYTES=1-2", part(1, 2)],
  ["bytes=5-4", whole],
  ["bytes=-", whole],
  ["bytes=", whole],
  ["bytes=0-1,3-4", whole],
  ["bytes=a-b", whole],
  ["bytes=1", whole],
  ["bytes=--1", whole],
  ["bytes=1-2-3", whole],
  ["bytes=0-9999999999999999", whole],
  ["items=0-1", whole],
])("of 100 bytes, %s is %o", (header, expected) => {
  expect(readRange(header, 100)).toEqual(expected);
});

test.each(["bytes=0-0", "bytes=-1", "bytes=0-"])("of nothing there is no part: %s", (header) => {
  expect(readRange(header, 0)).toEqual(outside);
});

test("a part lies within the content, whatever is asked", () => {
  const number = integer({ min: 0, max: 300 });
  assert(
    property(number, number, integer({ min: 1, max: 200 }), (first, last, size) => {
      const { kind, range } = {
        range: { start: 0, end: 0 },
        ...readRange(`bytes=${first}-${last}`, size),
      };
      const isPossible = first <= last && first < size;
      expect(kind).toBe(isPossible ? "part" : first > last ? "whole" : "outside");
      expect(range.start <= range.end && range.end < size).toBe(true);
    }),
  );
});
