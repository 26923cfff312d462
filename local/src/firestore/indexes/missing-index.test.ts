import { describe, expect, test } from "vitest";
import { parseFieldPath } from "../values/field-path.ts";
import { Query } from "../query/query.ts";
import type { RpcError } from "../rpc-error.ts";
import { structuredQuery } from "../testing/query-text.ts";
import { indexCheck } from "./index-check.ts";
import { parseIndexFile } from "./index-file.ts";

const ROOT = "projects/p/databases/(default)/documents";

interface Refused {
  readonly where?: string;
  readonly orders?: string;
  readonly group?: boolean;
  readonly sums?: readonly string[];
}

function queryOf({ where = "", orders = "", group = false }: Refused): Query {
  const from = [{ collectionId: "c", allDescendants: group }];
  return new Query(ROOT, { ...structuredQuery("c", where, orders), from });
}

function check(refused: Refused, indexFile: object): void {
  const sums = (refused.sums ?? []).map(parseFieldPath);
  indexCheck(parseIndexFile(JSON.stringify(indexFile))).check(queryOf(refused), sums);
}

function refusal(refused: Refused, indexFile: object = {}): RpcError {
  try {
    check(refused, indexFile);
  } catch (error) {
    return error as RpcError;
  }
  throw new Error("the query was served");
}

/** Puts the entries of the message where the message says. */
function withAdvice(message: string, indexFile: { fieldOverrides?: object[] }): object {
  const indexes: object[] = [];
  const fieldOverrides: object[] = [];
  for (const line of message.split("\n")) {
    const [, list, entry = ""] =
      /"(indexes|fieldOverrides)" in firestore\.indexes\.json: (.+)$/.exec(line) ?? [];
    (list === "indexes" ? indexes : fieldOverrides).push(JSON.parse(entry) as object);
  }
  const replaced = new Set(fieldOverrides.map((one) => (one as { fieldPath: string }).fieldPath));
  const kept = (indexFile.fieldOverrides ?? []).filter(
    (one) => !replaced.has((one as { fieldPath: string }).fieldPath),
  );
  return { indexes, fieldOverrides: [...kept, ...fieldOverrides] };
}

const exempt = { fieldOverrides: [{ collectionGroup: "c", fieldPath: "a", indexes: [] }] };

describe("following the advice of a refusal makes the query run", () => {
  test.each<[string, Refused, { fieldOverrides?: object[] }]>([
    ["equality and order", { where: "a == 1", orders: "-b" }, {}],
    ["a merge", { where: "a == 1 and b == 2 and t has x", orders: "d" }, {}],
    ["array contents last", { where: "t has x", orders: "-__name__" }, {}],
    ["a name against the last field", { orders: "-a, __name__" }, {}],
    ["names descending", { orders: "-__name__" }, {}],
    ["two alternatives", { where: "a == 1 or d == 2", orders: "b" }, {}],
    ["a group", { where: "a == 1", group: true }, {}],
    ["a group, array contents", { where: "t has x", group: true }, {}],
    ["a group, order", { orders: "-a", group: true }, {}],
    ["a group, equality and order", { where: "a == 1", orders: "b", group: true }, {}],
    ["an exempt field", { where: "a == 1" }, exempt],
    ["a sum", { where: "a == 1", sums: ["b"] }, {}],
    ["two sums", { sums: ["a", "b"] }, {}],
    ["a sum of an exempt field", { sums: ["a"] }, exempt],
  ])("%s", (_name, refused, indexFile) => {
    const { status, message } = refusal(refused, indexFile);
    expect(status).toBe("FAILED_PRECONDITION");
    expect(message).toMatch(/^The query requires a/);
    expect(() => check(refused, withAdvice(message, indexFile))).not.toThrow();
  });
});

test("the message has production's opening and one entry to copy", () => {
  expect(refusal({ where: "a == 1", orders: "-b" }).message).toBe(
    'The query requires an index. Add this to "indexes" in firestore.indexes.json: ' +
      '{"collectionGroup":"c","queryScope":"COLLECTION","fields":[{"fieldPath":"a","order":"ASCENDING"},{"fieldPath":"b","order":"DESCENDING"}]}',
  );
});

test("an override keeps the indexes that the field has", () => {
  const { message } = refusal({ orders: "a", group: true });
  expect(message).toContain("requires a COLLECTION_GROUP_ASC index for collection c and field a");
  expect(message).toContain('{"queryScope":"COLLECTION","arrayConfig":"CONTAINS"}');
  expect(message).toContain('{"queryScope":"COLLECTION_GROUP","order":"ASCENDING"}');
});
