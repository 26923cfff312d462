import { array, assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { formatFieldPath, getField, parseFieldPath, withField } from "./field-path.ts";

const one = { integerValue: "1" };

describe("field paths", () => {
  test.each<[string, string[]]>([
    ["a", ["a"]],
    ["a.b_1.C", ["a", "b_1", "C"]],
    ["`a.b`.c", ["a.b", "c"]],
    ["`tick\\``", ["tick`"]],
    ["`back\\\\slash`", ["back\\slash"]],
    ["`1`", ["1"]],
    ["größe", ["größe"]],
  ])("%s", (text, path) => {
    expect(parseFieldPath(text)).toEqual(path);
  });

  test.each(["", ".", "a.", ".a", "a..b", "1a", "a b", "`a", "``", "`a`b", "a-b"])(
    "%s is refused",
    (text) => {
      expect(() => parseFieldPath(text)).toThrow("Invalid field path");
    },
  );

  test("any path survives formatting and parsing", () => {
    assert(
      property(array(string({ minLength: 1 }), { minLength: 1, maxLength: 4 }), (path) => {
        expect(parseFieldPath(formatFieldPath(path))).toEqual(path);
      }),
    );
  });

  test("setting shares what is not on the path and replaces what is no map", () => {
    const fields = { a: one, b: { mapValue: { fields: { c: one, d: one } } } };
    const changed = withField(fields, ["b", "c"], { integerValue: "2" });
    expect(getField(changed, ["b", "c"])).toEqual({ integerValue: "2" });
    expect(getField(changed, ["b", "d"])).toBe(one);
    expect(getField(fields, ["b", "c"])).toBe(one);
    expect(getField(withField(fields, ["a", "x"], one), ["a", "x"])).toBe(one);
  });

  test("removing leaves the rest, and removing nothing changes nothing", () => {
    const fields = { a: one, b: { mapValue: { fields: { c: one } } } };
    expect(withField(fields, ["b", "c"], undefined)).toEqual({
      a: one,
      b: { mapValue: { fields: {} } },
    });
    expect(withField(fields, ["x", "y"], undefined)).toBe(fields);
  });

  test("a field called __proto__ is a field like any other", () => {
    const fields = withField({}, ["__proto__"], one);
    expect(Object.keys(fields)).toEqual(["__proto__"]);
    expect(getField({}, ["constructor"])).toBeUndefined();
  });
});
