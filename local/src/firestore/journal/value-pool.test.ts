import {
  array,
  assert,
  boolean,
  constant,
  constantFrom,
  dictionary,
  letrec,
  oneof,
  property,
  record,
  string,
} from "fast-check";
import { expect, test } from "vitest";
import type { FieldValue, StoredDocument } from "../document.ts";
import { ValuePool } from "./value-pool.ts";

const text = constantFrom("1", "2", "queued", "x".repeat(100));
const strings = record({ stringValue: text });
const { fields } = letrec((tie) => ({
  value: oneof(
    { depthSize: "small" },
    strings,
    record({ integerValue: text }),
    record({ booleanValue: boolean() }),
    record({ nullValue: constant(null) }),
    record({ arrayValue: record({ values: array(strings) }) }),
    record({ mapValue: record({ fields: tie("fields") }) }),
  ),
  fields: dictionary(string({ maxLength: 3 }), tie("value"), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
}));

const documentOf = (found: unknown): StoredDocument => ({
  name: "projects/p/databases/d/documents/items/one",
  fields: found as Record<string, FieldValue>,
  createTime: "2026-01-01T00:00:00.000000Z",
  updateTime: "2026-01-01T00:00:00.000000Z",
});

test("documents are the same after sharing, whatever was shared before", () => {
  const pool = new ValuePool();
  assert(
    property(fields, (found) => {
      const document = documentOf(found);
      const before = JSON.stringify(document);
      expect(JSON.stringify(pool.share(document))).toBe(before);
    }),
    { numRuns: 500 },
  );
});

const values = (): Record<string, FieldValue> => ({
  state: { stringValue: "queued" },
  attempt: { integerValue: "1" },
  failure: { nullValue: null },
});

test("equal values of different documents are held once, in maps too", () => {
  const pool = new ValuePool();
  const [one, two] = [1, 2].map(
    () =>
      pool.share(documentOf({ ...values(), nested: { mapValue: { fields: values() } } })).fields,
  );
  for (const name of Object.keys(values())) {
    expect(one?.[name]).toBe(two?.[name]);
    const nested = one?.["nested"]?.["mapValue"] as { readonly fields: Record<string, FieldValue> };
    expect(nested.fields[name]).toBe(two?.[name]);
  }
});

test("a pool that is full begins anew and goes on sharing", () => {
  const pool = new ValuePool();
  const shared = (n: number) =>
    pool.share(documentOf({ n: { integerValue: String(n) } })).fields["n"];
  const first = shared(0);
  for (let n = 1; n <= 5000; n += 1) shared(n);
  expect(shared(5000)).toBe(shared(5000));
  expect(shared(0)).toEqual(first);
});
