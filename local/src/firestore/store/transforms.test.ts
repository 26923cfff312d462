import { describe, expect, test } from "vitest";
import type { FieldValue } from "../document.ts";
import { RpcError } from "../rpc-error.ts";
import { applyTransform, parseTransform } from "./transforms.ts";

const integer = (value: number | bigint): FieldValue => ({ integerValue: String(value) });
const double = (value: number | string): FieldValue => ({ doubleValue: value });
const text = (value: string): FieldValue => ({ stringValue: value });
const list = (...values: FieldValue[]): FieldValue => ({ arrayValue: { values } });
const MAX = 2n ** 63n - 1n;

function apply(transform: object, old: FieldValue | undefined) {
  const { operation } = parseTransform({ fieldPath: "f", ...transform });
  return applyTransform(operation, old, "2024-01-01T00:00:00.001000Z");
}

describe("numeric transforms report the new value", () => {
  test.each<[string, object, FieldValue | undefined, FieldValue]>([
    ["increment", { increment: integer(2) }, integer(3), integer(5)],
    ["increment of nothing", { increment: integer(2) }, undefined, integer(2)],
    ["increment of text", { increment: integer(2) }, text("x"), integer(2)],
    ["increment by a double", { increment: double(0.5) }, integer(3), double(3.5)],
    ["increment saturates above", { increment: integer(MAX) }, integer(1), integer(MAX)],
    ["increment saturates below", { increment: integer(-MAX) }, integer(-MAX), integer(-MAX - 1n)],
    ["increment of NaN", { increment: integer(1) }, double("NaN"), double("NaN")],
    ["maximum", { maximum: integer(2) }, double(1.5), integer(2)],
    ["maximum keeps an equal", { maximum: double(3) }, integer(3), integer(3)],
    ["minimum", { minimum: integer(2) }, integer(3), integer(2)],
    ["minimum of text", { minimum: integer(2) }, text("x"), integer(2)],
  ])("%s", (_name, transform, old, expected) => {
    expect(apply(transform, old)).toEqual({ value: expected, result: expected });
  });
});

describe("list transforms report null", () => {
  const elements = { values: [integer(1), double(1), text("a")] };
  test.each<[string, object, FieldValue | undefined, FieldValue]>([
    [
      "append drops equals",
      { appendMissingElements: elements },
      list(text("a")),
      list(text("a"), integer(1)),
    ],
    [
      "append to nothing",
      { appendMissingElements: elements },
      undefined,
      list(integer(1), text("a")),
    ],
    ["append to text", { appendMissingElements: elements }, text("x"), list(integer(1), text("a"))],
    [
      "remove",
      { removeAllFromArray: elements },
      list(double(1), text("b"), integer(1)),
      list(text("b")),
    ],
    ["remove from nothing", { removeAllFromArray: elements }, undefined, list()],
  ])("%s", (_name, transform, old, expected) => {
    expect(apply(transform, old)).toEqual({ value: expected, result: { nullValue: null } });
  });
});

test("the server's time is the one given", () => {
  const at = { timestampValue: "2024-01-01T00:00:00.001000Z" };
  expect(apply({ setToServerValue: "REQUEST_TIME" }, undefined)).toEqual({ value: at, result: at });
});

test.each([{ increment: text("1") }, { setToServerValue: "OTHER" }, {}])(
  "%j is refused",
  (transform) => {
    expect(() => parseTransform({ fieldPath: "f", ...transform })).toThrow(RpcError);
  },
);
