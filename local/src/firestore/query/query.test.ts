import { describe, expect, test } from "vitest";
import { Query } from "./query.ts";
import { structuredQuery } from "../testing/query-text.ts";
import type { Json } from "../wire-json.ts";

const ROOT = "projects/p/databases/(default)/documents";
const many = (count: number): string => Array.from({ length: count }, (_, n) => n).join(",");
const parse = (where: string, orders = ""): Query =>
  new Query(ROOT, structuredQuery("c", where, orders));

describe("what production refuses is refused", () => {
  test.each<[string, string, string, RegExp]>([
    [
      "31 disjunctions",
      `a in ${many(16)} or b in ${many(15)}`,
      "",
      /30 disjunctions, this one has 31/,
    ],
    [
      "a product of 36 disjunctions",
      "a in 1,2,3,4,5,6 and b in 1,2,3,4,5,6",
      "",
      /this one has 36/,
    ],
    ["31 elements", `a in ${many(31)}`, "", /1 to 30 values, found 31/],
    ["11 excluded elements", `a not-in ${many(11)}`, "", /1 to 10 values, found 11/],
    ["not-in with in", "a not-in 1,2 and b in 1,2", "", /NOT_IN can't be combined with IN/],
    ["not-in with any array contents", "a not-in 1 and t has-any 1", "", /ARRAY_CONTAINS_ANY/],
    ["not-in with not-equal", "a not-in 1 and a != 2", "", /one of NOT_EQUAL, NOT_IN/],
    ["not-in with or", "a not-in 1 or b == 1", "", /NOT_IN can't be combined with OR/],
    ["two not-equals", "a != 1 and a != 2", "", /found NOT_EQUAL and NOT_EQUAL/],
    ["not-equal with not-null", "a != 1 and b is not-null", "", /found NOT_EQUAL and IS_NOT_NULL/],
    ["two array contents in one conjunction", "t has 1 and t has 2", "", /one of ARRAY_CONTAINS/],
    [
      "array contents with any array contents",
      "t has 1 and u has-any 1,2",
      "",
      /one of ARRAY_CONTAINS/,
    ],
    [
      "array contents in a conjunction of alternatives",
      "(t has 1 or a == 1) and u has 2",
      "",
      /one of ARRAY/,
    ],
    [
      "11 fields with ranges",
      Array.from({ length: 11 }, (_, n) => `f${n} > 1`).join(" and "),
      "",
      /10 fields, found 11/,
    ],
    ["an inequality with one name", "a > 1 and __name__ == c/x", "", /equality on __name__/],
    ["an order twice", "", "a, -a", /the field a twice/],
    ["array contents of a name", "__name__ has c/x", "", /no array/],
    [
      "101 filters",
      Array.from({ length: 101 }, () => "a == 1").join(" and "),
      "",
      /100 together, found 101/,
    ],
  ])("%s", (_name, where, orders, message) => {
    expect(() => parse(where, orders)).toThrow(message);
  });

  test.each<[string, Json, RegExp]>([
    ["two collections", { from: [{ collectionId: "c" }, { collectionId: "d" }] }, /one collection/],
    [
      "an unknown way to compose",
      { where: { compositeFilter: { op: "XOR", filters: [{}] } } },
      /Unknown composite operator XOR/,
    ],
    ["an OR of nothing", { where: { compositeFilter: { op: "OR" } } }, /at least one filter/],
    [
      "an unknown operator",
      { where: { fieldFilter: { field: { fieldPath: "a" }, op: "NEAR" } } },
      /Unknown operator NEAR/,
    ],
    [
      "an unknown direction",
      { orderBy: [{ field: { fieldPath: "a" }, direction: "UP" }] },
      /ASCENDING or DESC/,
    ],
    [
      "a cursor longer than the order",
      { startAt: { values: [{ nullValue: null }, { nullValue: null }] } },
      /more values/,
    ],
    [
      "a cursor on the name that is no reference",
      { startAt: { values: [{ stringValue: "x" }] } },
      /reference/,
    ],
    [
      "a list looked for in a list",
      {
        where: {
          fieldFilter: {
            field: { fieldPath: "a" },
            op: "ARRAY_CONTAINS",
            value: { arrayValue: {} },
          },
        },
      },
      /never holds another/,
    ],
    [
      "a name compared with text",
      {
        where: {
          fieldFilter: {
            field: { fieldPath: "__name__" },
            op: "EQUAL",
            value: { stringValue: "x" },
          },
        },
      },
      /references/,
    ],
    [
      "an empty list",
      {
        where: { fieldFilter: { field: { fieldPath: "a" }, op: "IN", value: { arrayValue: {} } } },
      },
      /found 0/,
    ],
    ["a negative limit", { limit: -1 }, /limit/],
    // The rules would count it as none.
    ["an offset in another spelling", { offset: "1e3" }, /offset/],
    [
      // The rules would see the filter that proves the list, and the other one would run.
      "two filters in one",
      {
        where: {
          unaryFilter: { field: { fieldPath: "a" }, op: "IS_NOT_NULL" },
          fieldFilter: { field: { fieldPath: "a" }, op: "EQUAL", value: { stringValue: "x" } },
        },
      },
      /one of its kinds, found unaryFilter and fieldFilter/,
    ],
    [
      "an empty composite",
      { where: { compositeFilter: { op: "AND", filters: [] } } },
      /at least one/,
    ],
  ])("%s", (_name, part, message) => {
    expect(() => new Query(ROOT, { from: [{ collectionId: "c" }], ...part })).toThrow(message);
  });
});

describe("what production serves is served", () => {
  test.each([
    `a in ${many(30)}`,
    "a in 1,2,3,4,5 and b in 1,2,3,4,5,6",
    `(a in ${many(15)} and b == 1) or (a in ${many(15)} and b == 2)`,
    "t has 1 or t has 2",
    "a != 1 and b > 2 and d < 3",
    "a > 1 and __name__ > c/x",
    "a not-in 1,2 and b == 3",
  ])("%s", (where) => {
    expect(() => parse(where)).not.toThrow();
  });
});

function ordersFor(where: string, explicit: string): string {
  const texts = parse(where, explicit).orders.map(
    ({ path, sign }) => `${sign === 1 ? "" : "-"}${path.join(".")}`,
  );
  return texts.join(", ");
}

test("implied orders: inequality fields by name, then the name, in the last explicit direction", () => {
  expect(ordersFor("b > 1 and a > 1", "")).toBe("a, b, __name__");
  expect(ordersFor("b > 1 and a > 1", "-b")).toBe("-b, -a, -__name__");
  expect(ordersFor("a == 1", "b, -d")).toBe("b, -d, -__name__");
  expect(ordersFor("a > 1", "b, __name__")).toBe("b, __name__, a");
});
