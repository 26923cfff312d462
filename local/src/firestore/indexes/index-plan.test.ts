import { describe, expect, test } from "vitest";
import { parseFieldPath } from "../values/field-path.ts";
import { Query } from "../query/query.ts";
import { structuredQuery } from "../testing/query-text.ts";
import { parseIndexFile } from "./index-file.ts";
import { unservedNeeds } from "./index-plan.ts";
import { shapeOf } from "./query-shape.ts";

const ROOT = "projects/p/databases/(default)/documents";

/** `-b` descending, `b[]` contains; `group:` in front for collection group scope. */
function definitions(composites: readonly string[], overrides: readonly object[] = []) {
  const indexes = composites.map((text) => {
    const isGroup = text.startsWith("group:");
    const fields = text.replace("group:", "").split(" ");
    return {
      collectionGroup: "c",
      queryScope: isGroup ? "COLLECTION_GROUP" : "COLLECTION",
      fields: fields.map((field) =>
        field.endsWith("[]")
          ? { fieldPath: field.slice(0, -2), arrayConfig: "CONTAINS" }
          : {
              fieldPath: field.replace("-", ""),
              order: field.startsWith("-") ? "DESCENDING" : "ASCENDING",
            },
      ),
    };
  });
  return parseIndexFile(JSON.stringify({ indexes, fieldOverrides: overrides }));
}

interface Row {
  readonly where: string;
  readonly orders?: string;
  readonly indexes?: readonly string[];
  readonly overrides?: readonly object[];
  readonly group?: boolean;
  readonly collectionId?: string;
  readonly sums?: readonly string[];
}

function isServed(row: Row): boolean {
  const source = structuredQuery(row.collectionId ?? "c", row.where, row.orders);
  const from = [{ ...(source["from"] as object[])[0], allDescendants: row.group ?? false }];
  const query = new Query(ROOT, { ...source, from });
  const shape = shapeOf(query, (row.sums ?? []).map(parseFieldPath));
  return unservedNeeds(shape, definitions(row.indexes ?? [], row.overrides)).length === 0;
}

const groupOf = (fieldPath: string, ...modes: string[]) => ({
  collectionGroup: "c",
  fieldPath,
  indexes: modes.map((mode) =>
    mode === "CONTAINS"
      ? { queryScope: "COLLECTION_GROUP", arrayConfig: mode }
      : { queryScope: "COLLECTION_GROUP", order: mode },
  ),
});
const exempt = (fieldPath: string) => ({ collectionGroup: "c", fieldPath, indexes: [] });

describe("served", () => {
  test.each<[string, Row]>([
    ["names are kept in order", { where: "" }],
    ["a range of names", { where: "__name__ > c/a" }],
    ["one name", { where: "__name__ == c/a" }],
    ["several names", { where: "__name__ in c/a,c/b" }],
    ["equality: the automatic index", { where: "a == 1" }],
    ["null is a value", { where: "a is null" }],
    ["NaN is a value", { where: "a is nan" }],
    ["a field inside a map has automatic indexes", { where: "m.n == 1" }],
    ["a range: the automatic index", { where: "a > 1 and a <= 9" }],
    ["a range sorted by its field, descending", { where: "a > 1", orders: "-a" }],
    ["not-equal is a range", { where: "a != 1" }],
    ["not-in is a range", { where: "a not-in 1,2" }],
    ["not-null is a range", { where: "a is not-null" }],
    ["order alone, ascending", { where: "", orders: "a" }],
    ["order alone, descending", { where: "", orders: "-a" }],
    [
      "the name in the same direction is what the index has",
      { where: "", orders: "-a, -__name__" },
    ],
    ["array contents: the automatic index", { where: "t has x" }],
    ["any array contents: one point after the other", { where: "t has-any x,y" }],
    ["in: one point after the other", { where: "a in 1,2,3" }],
    ["equalities are merged", { where: "a == 1 and b == 2" }],
    ["four equalities are merged", { where: "a == 1 and b == 2 and d == 3 and e == 4" }],
    ["equality and array contents are merged", { where: "a == 1 and t has x" }],
    ["equality and in are merged", { where: "a == 1 and b in 2,3" }],
    ["in and in are merged", { where: "a in 1,2 and b in 2,3" }],
    ["an order by the compared field sorts nothing", { where: "a == 1", orders: "a" }],
    ["nor in the other direction", { where: "a == 1", orders: "-a" }],
    [
      "equality, names descending: the descending automatic index",
      { where: "a == 1", orders: "-__name__" },
    ],
    [
      "equality and a range of names: entries are sorted by name",
      { where: "a == 1 and __name__ > c/a" },
    ],
    ["alternatives are served one by one", { where: "a == 1 or b == 2" }],
    ["an alternative may be a merge", { where: "(a == 1 and b == 2) or t has x" }],
    [
      "alternatives inside a conjunction are multiplied out",
      { where: "a == 1 and (b == 1 or d == 1)" },
    ],
    ["equality then order: the composite", { where: "a == 1", orders: "b", indexes: ["a b"] }],
    ["in counts as equality", { where: "a in 1,2", orders: "b", indexes: ["a b"] }],
    ["equality then descending order", { where: "a == 1", orders: "-b", indexes: ["a -b"] }],
    [
      "the direction of a compared field does not matter",
      { where: "a == 1", orders: "b", indexes: ["-a b"] },
    ],
    ["equality and a range", { where: "a == 1 and b > 2", indexes: ["a b"] }],
    [
      "compared fields in any order",
      { where: "a == 1 and d == 2", orders: "b", indexes: ["d a b"] },
    ],
    [
      "composites with the same order are merged",
      { where: "a == 1 and d == 2", orders: "b", indexes: ["a b", "d b"] },
    ],
    [
      "the prefixes of merged composites may overlap",
      { where: "a == 1 and d == 2 and e == 3", orders: "b", indexes: ["a d b", "e a b"] },
    ],
    ["array contents and order", { where: "t has x", orders: "b", indexes: ["t[] b"] }],
    [
      "array contents and order are merged with equality and order",
      { where: "t has x and a == 1", orders: "b", indexes: ["t[] b", "a b"] },
    ],
    ["two orders", { where: "", orders: "a, -b", indexes: ["a -b"] }],
    [
      "two ranges: both fields, sorted by name of field",
      { where: "b > 1 and a < 2", indexes: ["a b"] },
    ],
    [
      "two ranges in the order asked for",
      { where: "b > 1 and a < 2", orders: "b, a", indexes: ["b a"] },
    ],
    [
      "a range on another field than the first order",
      { where: "a > 1", orders: "b", indexes: ["b a"] },
    ],
    [
      "the name against the direction of the last field",
      { where: "", orders: "a, -__name__", indexes: ["a -__name__"] },
    ],
    ["names descending", { where: "", orders: "-__name__", indexes: ["-__name__"] }],
    [
      "every alternative has an index",
      { where: "a == 1 or d == 2", orders: "b", indexes: ["a b", "d b"] },
    ],
    ["a group by name", { where: "", group: true }],
    ["a group, a range of names", { where: "__name__ > c/a", group: true }],
    [
      "a group with an override",
      { where: "a == 1", group: true, overrides: [groupOf("a", "ASCENDING")] },
    ],
    [
      "a group merges too",
      {
        where: "a == 1 and b == 2",
        group: true,
        overrides: [groupOf("a", "ASCENDING"), groupOf("b", "ASCENDING")],
      },
    ],
    [
      "a group and array contents",
      { where: "t has x", group: true, overrides: [groupOf("t", "CONTAINS")] },
    ],
    [
      "a group with a composite of its scope",
      { where: "a == 1", orders: "b", group: true, indexes: ["group:a b"] },
    ],
    [
      "an exempt field in a composite",
      { where: "a == 1", orders: "b", indexes: ["a b"], overrides: [exempt("a"), exempt("b")] },
    ],
    [
      "all collections by name, as recursive deletes ask",
      { where: "__name__ >= c/a", collectionId: "", group: true },
    ],
    ["a sum reads the automatic index", { where: "", sums: ["a"] }],
    ["a sum of the compared field", { where: "a == 1", sums: ["a"] }],
    ["a sum of the sorted field", { where: "a > 1", sums: ["a"] }],
    [
      "a sum of another field follows in the composite",
      { where: "a == 1", sums: ["b"], indexes: ["a -b"] },
    ],
    ["sums of two fields", { where: "a == 1", sums: ["b", "d"], indexes: ["a d b"] }],
  ])("%s", (_reason, row) => {
    expect(isServed(row)).toBe(true);
  });
});

describe("refused", () => {
  test.each<[string, Row]>([
    ["equality, then another order", { where: "a == 1", orders: "b" }],
    ["in, then another order", { where: "a in 1,2", orders: "b" }],
    ["equality and a range", { where: "a == 1 and b > 2" }],
    ["equality and not-equal", { where: "a == 1 and b != 2" }],
    ["two ranges", { where: "a > 1 and b > 2" }],
    ["two orders", { where: "", orders: "a, b" }],
    ["array contents and order", { where: "t has x", orders: "b" }],
    ["array contents and a range", { where: "t has x and b > 1" }],
    ["array contents, names descending", { where: "t has x", orders: "-__name__" }],
    ["names descending", { where: "", orders: "-__name__" }],
    ["the name against the direction of the field", { where: "", orders: "-a, __name__" }],
    ["an index is not read backwards", { where: "a == 1", orders: "-b", indexes: ["a b"] }],
    ["nor with both directions turned", { where: "", orders: "a, -b", indexes: ["-a b"] }],
    ["the order of the sorted fields matters", { where: "", orders: "a, b", indexes: ["b a"] }],
    [
      "an index with one more field lacks documents",
      { where: "a == 1", orders: "b", indexes: ["a b d"] },
    ],
    [
      "an index with one field less does not sort",
      { where: "a == 1", orders: "b, d", indexes: ["a b"] },
    ],
    [
      "a compared field that no index holds",
      { where: "a == 1 and d == 2", orders: "b", indexes: ["a b"] },
    ],
    [
      "merged indexes sort differently",
      { where: "a == 1 and d == 2", orders: "b", indexes: ["a b", "d -b"] },
    ],
    [
      "an ordered index holds no array contents",
      { where: "t has x", orders: "b", indexes: ["t b"] },
    ],
    ["an array index holds no equality", { where: "t == 1", orders: "b", indexes: ["t[] b"] }],
    ["one alternative has no index", { where: "a == 1 or d == 2", orders: "b", indexes: ["a b"] }],
    ["an inequality in one alternative sorts the others too", { where: "a == 1 or b > 2" }],
    ["an exempt field", { where: "a == 1", overrides: [exempt("a")] }],
    ["a field below an exempt map", { where: "m.n == 1", overrides: [exempt("m")] }],
    ["every field exempt", { where: "a == 1", overrides: [exempt("*")] }],
    ["a merge with an exempt field", { where: "a == 1 and b == 1", overrides: [exempt("b")] }],
    [
      "an override without the mode",
      { where: "", orders: "-a", overrides: [groupOf("a", "DESCENDING")] },
    ],
    ["a group has no automatic indexes", { where: "a == 1", group: true }],
    ["a group sorted by a field", { where: "", orders: "a", group: true }],
    [
      "a group with an index of collection scope",
      { where: "a == 1", orders: "b", group: true, indexes: ["a b"] },
    ],
    [
      "a collection with an index of group scope",
      { where: "a == 1", orders: "b", indexes: ["group:a b"] },
    ],
    ["all collections by a field", { where: "a == 1", collectionId: "", group: true }],
    [
      "the index of another collection",
      { where: "a == 1", orders: "b", collectionId: "other", indexes: ["a b"] },
    ],
    ["a sum of another field", { where: "a == 1", sums: ["b"] }],
    ["two sums", { where: "", sums: ["a", "b"] }],
    ["a sum of an exempt field", { where: "", sums: ["a"], overrides: [exempt("a")] }],
  ])("%s", (_reason, row) => {
    expect(isServed(row)).toBe(false);
  });
});
