import {
  array,
  assert,
  constant,
  double,
  maxSafeInteger,
  oneof,
  property,
  string,
  tuple,
} from "fast-check";
import { describe, expect, test } from "vitest";
import type { FieldValue } from "../document.ts";
import { normalizeValue } from "./normalize-value.ts";
import { RpcError } from "../rpc-error.ts";
import { compareNames } from "../resource-name.ts";
import { compareUtf8 } from "./utf8-order.ts";
import { compareValues, identicalValues } from "./values.ts";

const map = (fields: Record<string, FieldValue>): FieldValue => ({ mapValue: { fields } });
const list = (...values: FieldValue[]): FieldValue => ({ arrayValue: { values } });

/** Each value sorts before the next one. */
const ASCENDING: FieldValue[] = [
  { nullValue: null },
  { booleanValue: false },
  { booleanValue: true },
  { doubleValue: "NaN" },
  { doubleValue: "-Infinity" },
  { integerValue: "-9223372036854775808" },
  { doubleValue: -1.5 },
  { integerValue: "0" },
  { doubleValue: 0.5 },
  { integerValue: "9007199254740992" },
  { integerValue: "9007199254740993" },
  { integerValue: "9223372036854775807" },
  { doubleValue: 9.3e18 },
  { timestampValue: "2024-01-01T00:00:00.000000Z" },
  { timestampValue: "2024-01-01T00:00:00.000001Z" },
  { stringValue: "" },
  { stringValue: "a" },
  { stringValue: "ab" },
  { stringValue: "b" },
  { stringValue: "\uffee" },
  { stringValue: "😀" },
  { bytesValue: "" },
  { bytesValue: "AA==" },
  { bytesValue: "/w==" },
  { referenceValue: "projects/p/databases/d/documents/a/__id2__" },
  { referenceValue: "projects/p/databases/d/documents/a/__id10__" },
  { referenceValue: "projects/p/databases/d/documents/a/0" },
  { referenceValue: "projects/p/databases/d/documents/a/0/b/c" },
  { geoPointValue: { latitude: 1, longitude: 2 } },
  { geoPointValue: { latitude: 1, longitude: 3 } },
  list(),
  list({ integerValue: "1" }),
  list({ integerValue: "1" }, { nullValue: null }),
  list({ integerValue: "2" }),
  map({}),
  map({ a: { integerValue: "1" } }),
  map({ a: { integerValue: "1" }, b: { nullValue: null } }),
  map({ a: { integerValue: "2" } }),
  map({ b: { integerValue: "0" } }),
];

describe("order of values", () => {
  test("every pair of the table sorts as the table says", () => {
    for (const [i, a] of ASCENDING.entries()) {
      for (const [j, b] of ASCENDING.entries()) {
        expect(Math.sign(compareValues(a, b)), `${JSON.stringify(a)} ${JSON.stringify(b)}`).toBe(
          Math.sign(i - j),
        );
      }
    }
  });

  test("numbers are equal across kinds but not identical", () => {
    expect(compareValues({ integerValue: "1" }, { doubleValue: 1 })).toBe(0);
    expect(identicalValues({ integerValue: "1" }, { doubleValue: 1 })).toBe(false);
    expect(identicalValues({ doubleValue: "NaN" }, { doubleValue: "NaN" })).toBe(true);
  });

  test("maps are identical whatever the order of their keys", () => {
    const a = map({ x: { integerValue: "1" }, y: { booleanValue: true } });
    expect(identicalValues(a, map({ y: { booleanValue: true }, x: { integerValue: "1" } }))).toBe(
      true,
    );
    expect(identicalValues(a, map({ x: { integerValue: "1" } }))).toBe(false);
  });

  test("text sorts as its UTF-8 bytes do", () => {
    assert(
      property(tuple(string({ unit: "binary" }), string({ unit: "binary" })), ([a, b]) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });

  test("order is antisymmetric and transitive over mixed numbers and lists", () => {
    const number = oneof(
      maxSafeInteger().map((value) => ({ integerValue: String(value) })),
      double().map((value) => normalizeValue({ doubleValue: value }, "v")),
      constant({ integerValue: "9223372036854775807" }),
    );
    const value = oneof(
      number,
      array(number, { maxLength: 3 }).map((values) => list(...values)),
    );
    assert(
      property(tuple(value, value, value), ([a, b, c]) => {
        expect(Math.sign(compareValues(a, b))).toBe(-Math.sign(compareValues(b, a)) + 0);
        const sorted = [a, b, c].toSorted(compareValues);
        expect(compareValues(sorted[0] ?? a, sorted[2] ?? c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  test("names sort by segment", () => {
    expect(compareNames("a/b", "a/b")).toBe(0);
    expect(compareNames("a/b/c/d", "a/b!/c/d")).toBeLessThan(0);
  });
});

describe("normalising", () => {
  test.each<[string, unknown, FieldValue]>([
    ["integer as number", { integerValue: 7 }, { integerValue: "7" }],
    [
      "time with nanoseconds",
      { timestampValue: "2024-01-01T00:00:00.123456789Z" },
      { timestampValue: "2024-01-01T00:00:00.123456Z" },
    ],
    [
      "time with an offset",
      { timestampValue: "2024-01-01T02:00:00+02:00" },
      { timestampValue: "2024-01-01T00:00:00.000000Z" },
    ],
    [
      "time before 1970",
      { timestampValue: "1969-12-31T23:59:59.9Z" },
      { timestampValue: "1969-12-31T23:59:59.900000Z" },
    ],
    ["double as text", { doubleValue: "1.5" }, { doubleValue: 1.5 }],
    ["not a number", { doubleValue: "NaN" }, { doubleValue: "NaN" }],
    ["negative zero", { doubleValue: -0 }, { doubleValue: "-0" }],
    [
      "origin of the globe",
      { geoPointValue: {} },
      { geoPointValue: { latitude: 0, longitude: 0 } },
    ],
    ["empty list", { arrayValue: {} }, { arrayValue: { values: [] } }],
    ["empty map", { mapValue: {} }, { mapValue: { fields: {} } }],
  ])("%s", (_name, raw, expected) => {
    expect(normalizeValue(raw, "v")).toEqual(expected);
  });

  test.each<[string, unknown]>([
    ["nothing", {}],
    ["two kinds", { nullValue: null, booleanValue: true }],
    ["an unknown kind", { textValue: "x" }],
    ["an integer beyond 64 bits", { integerValue: "9223372036854775808" }],
    ["a fraction as integer", { integerValue: 1.5 }],
    ["a list in a list", { arrayValue: { values: [{ arrayValue: {} }] } }],
    ["a reserved field name", { mapValue: { fields: { __x__: { nullValue: null } } } }],
    ["an empty field name", { mapValue: { fields: { "": { nullValue: null } } } }],
    ["a latitude beyond the pole", { geoPointValue: { latitude: 91 } }],
    ["a time that is none", { timestampValue: "yesterday" }],
  ])("%s is refused", (_name, raw) => {
    expect(() => normalizeValue(raw, "v")).toThrow(RpcError);
  });

  test("maps nested beyond twenty levels are refused", () => {
    let value: unknown = { nullValue: null };
    for (let i = 0; i < 20; i += 1) value = { mapValue: { fields: { a: value } } };
    expect(() => normalizeValue(value, "v")).not.toThrow();
    expect(() => normalizeValue({ mapValue: { fields: { a: value } } }, "v")).toThrow(
      "nested deeper",
    );
  });
});
