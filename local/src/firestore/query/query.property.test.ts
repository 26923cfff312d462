/** Queries against a reference that knows nothing of values but their place in one table written by hand. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DocumentIndex } from "../store/document-view.ts";
import type { StoredDocument } from "../document.ts";
import { normalizeFields } from "../values/normalize-value.ts";
import { Query } from "./query.ts";
import { RpcError } from "../rpc-error.ts";
import { CONTENTS, map, NAN, NULL, type Place, PLACES, ROOT } from "../testing/value-places.ts";
import type { Json } from "../wire-json.ts";

type Row = Readonly<Partial<Record<string, Place>>>;
interface Document {
  readonly id: string;
  readonly row: Row;
}

interface Test {
  readonly field: string;
  readonly op: string;
  readonly operands: readonly Place[];
}
type Tree = Test | { readonly op: "AND" | "OR"; readonly parts: readonly Tree[] };

function holds(tree: Tree, row: Row): boolean {
  if ("parts" in tree) {
    return tree.op === "AND"
      ? tree.parts.every((part) => holds(part, row))
      : tree.parts.some((part) => holds(part, row));
  }
  const place = row[tree.field];
  return place !== undefined && holdsFor(tree, place);
}

const REFERENCE: Record<string, (place: Place, operands: readonly Place[]) => boolean> = {
  EQUAL: ({ rank }, [o]) => rank === o?.rank,
  NOT_EQUAL: ({ rank }, [o]) => rank !== NULL && rank !== o?.rank,
  LESS_THAN: ({ rank, type }, [o]) => type === o?.type && rank < o.rank,
  LESS_THAN_OR_EQUAL: ({ rank, type }, [o]) => type === o?.type && rank <= o.rank,
  GREATER_THAN: ({ rank, type }, [o]) => type === o?.type && rank > o.rank,
  GREATER_THAN_OR_EQUAL: ({ rank, type }, [o]) => type === o?.type && rank >= o.rank,
  IN: ({ rank }, operands) => operands.some((o) => o.rank === rank),
  NOT_IN: ({ rank }, operands) =>
    rank !== NULL && operands.every((o) => o.rank !== rank && o.rank !== NULL),
  ARRAY_CONTAINS: ({ rank }, [o]) => CONTENTS.get(rank)?.includes(o?.rank ?? -1) ?? false,
  ARRAY_CONTAINS_ANY: ({ rank }, operands) =>
    operands.some((o) => CONTENTS.get(rank)?.includes(o.rank)),
  IS_NULL: ({ rank }) => rank === NULL,
  IS_NOT_NULL: ({ rank }) => rank !== NULL,
  IS_NAN: ({ rank }) => rank === NAN,
  IS_NOT_NAN: ({ rank }) => rank !== NULL && rank !== NAN,
};
const LISTS = new Set(["IN", "NOT_IN", "ARRAY_CONTAINS_ANY"]);
const RANGES = new Set([
  "NOT_EQUAL",
  "LESS_THAN",
  "LESS_THAN_OR_EQUAL",
  "GREATER_THAN",
  "GREATER_THAN_OR_EQUAL",
  "NOT_IN",
  "IS_NOT_NULL",
  "IS_NOT_NAN",
]);

function holdsFor({ op, operands }: Test, place: Place): boolean {
  return REFERENCE[op]?.(place, operands) ?? false;
}

function wire(tree: Tree): Json {
  if ("parts" in tree) return { compositeFilter: { op: tree.op, filters: tree.parts.map(wire) } };
  const field = { fieldPath: tree.field };
  if (tree.op.startsWith("IS_")) return { unaryFilter: { field, op: tree.op } };
  const values = tree.operands.map(({ value }) => value);
  const value = LISTS.has(tree.op) ? { arrayValue: { values } } : values[0];
  return { fieldFilter: { field, op: tree.op, value } };
}

const testsOf = (tree: Tree): readonly Test[] =>
  "parts" in tree ? tree.parts.flatMap(testsOf) : [tree];

interface Order {
  readonly field: string;
  readonly sign: 1 | -1;
}

/** Filter, then sort with a comparator of its own; ids are single letters. */
function expectedIds(
  documents: readonly Document[],
  tree: Tree | null,
  explicit: readonly Order[],
): string[] {
  const sign = explicit.at(-1)?.sign ?? 1;
  const sorted = new Set(explicit.map(({ field }) => field));
  const ranged = tree === null ? [] : testsOf(tree).filter(({ op }) => RANGES.has(op));
  const implied = [...new Set(ranged.map(({ field }) => field))].filter(
    (field) => !sorted.has(field),
  );
  const orders = [...explicit, ...implied.toSorted().map((field) => ({ field, sign }))];
  const found = documents.filter(
    ({ row }) =>
      (tree === null || holds(tree, row)) && orders.every(({ field }) => row[field] !== undefined),
  );
  found.sort((a, b) => {
    for (const order of orders) {
      const difference = (a.row[order.field]?.rank ?? 0) - (b.row[order.field]?.rank ?? 0);
      if (difference !== 0) return difference * order.sign;
    }
    return (a.id < b.id ? -1 : 1) * sign;
  });
  return found.map(({ id }) => id);
}

const places = fc.constantFrom(...PLACES);
const fields = fc.constantFrom("a", "b", "m.n");
const documents: fc.Arbitrary<Document[]> = fc.uniqueArray(
  fc.record({
    id: fc.constantFrom(..."abcdefghijklmnop".split("")),
    row: fc.record({ a: places, b: places, "m.n": places }, { requiredKeys: [] }),
  }),
  { selector: ({ id }) => id, maxLength: 14 },
);
const tests: fc.Arbitrary<Test> = fc.record({
  field: fields,
  op: fc.constantFrom(...Object.keys(REFERENCE)),
  operands: fc.array(places, { minLength: 1, maxLength: 4 }),
});
const trees: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree; test: Tree }>((tie) => ({
  test: tests,
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie("test"),
    fc.record({
      op: fc.constantFrom("AND", "OR"),
      parts: fc.array(tie("tree"), { minLength: 1, maxLength: 3 }),
    }),
  ),
})).tree;
const orders = fc.uniqueArray(fc.record({ field: fields, sign: fc.constantFrom<1 | -1>(1, -1) }), {
  selector: ({ field }) => field,
  maxLength: 2,
});

function indexOf(all: readonly Document[]): DocumentIndex {
  const index = new DocumentIndex();
  for (const { id, row } of all) {
    const { "m.n": inner, ...rest } = row;
    const entries = Object.entries(rest).flatMap(([key, place]) =>
      place === undefined ? [] : [[key, place.value]],
    );
    const fieldsOf = normalizeFields({
      ...Object.fromEntries(entries),
      ...(inner === undefined ? {} : { m: map({ n: inner.value }) }),
    });
    const name = `${ROOT}/c/${id}`;
    const time = "2024-01-01T00:00:00.000000Z";
    index.put(name, { name, fields: fieldsOf, createTime: time, updateTime: time });
  }
  return index;
}

function source(tree: Tree | null, explicit: readonly Order[]): Json {
  return {
    from: [{ collectionId: "c" }],
    ...(tree === null ? {} : { where: wire(tree) }),
    orderBy: explicit.map(({ field, sign }) => ({
      field: { fieldPath: field },
      direction: sign === 1 ? "ASCENDING" : "DESCENDING",
    })),
  };
}

/** Undefined for what production refuses: those rules have a table of their own. */
function parsed(json: Json): Query | undefined {
  try {
    return new Query(ROOT, json);
  } catch (error) {
    if (error instanceof RpcError && error.status === "INVALID_ARGUMENT") return undefined;
    throw error;
  }
}

const idsOf = (found: readonly StoredDocument[]): string[] =>
  found.map(({ name }) => name.slice(-1));

describe("random documents and random queries", () => {
  test("the result is the reference's, in its order", () => {
    let served = 0;
    fc.assert(
      fc.property(documents, fc.option(trees), orders, (all, tree, explicit) => {
        const query = parsed(source(tree, explicit));
        if (query === undefined) return;
        served += 1;
        expect(idsOf(query.run(indexOf(all)))).toEqual(expectedIds(all, tree, explicit));
      }),
      { numRuns: 3000 },
    );
    expect(served).toBeGreaterThan(1000);
  });

  test("pages that continue after the last document are together the whole, and limits and offsets cut it", () => {
    fc.assert(
      fc.property(documents, orders, fc.integer({ min: 1, max: 5 }), (all, explicit, size) => {
        const whole = expectedIds(all, null, explicit);
        const index = indexOf(all);
        const json = source(null, explicit);
        const sorted = new Query(ROOT, json).orders;
        const paged: string[] = [];
        let startAt: Json | undefined;
        for (;;) {
          const page = new Query(ROOT, { ...json, limit: size, ...(startAt && { startAt }) }).run(
            index,
          );
          const last = page.at(-1);
          if (last === undefined) break;
          paged.push(...idsOf(page));
          const row = all.find(({ id }) => id === last.name.slice(-1))?.row ?? {};
          const values = sorted.map(({ path }) =>
            path[0] === "__name__" ? { referenceValue: last.name } : row[path.join(".")]?.value,
          );
          startAt = { values, before: false };
        }
        expect(paged).toEqual(whole);
        const cut = new Query(ROOT, { ...json, limit: size, offset: 2 }).run(index);
        expect(idsOf(cut)).toEqual(whole.slice(2, 2 + size));
      }),
      { numRuns: 500 },
    );
  });

  test("startAt and endBefore at one position split the whole", () => {
    fc.assert(
      fc.property(documents, orders, places, (all, explicit, place) => {
        fc.pre(explicit.length > 0);
        const index = indexOf(all);
        const cursor = { values: [place.value], before: true };
        const json = source(null, explicit);
        const before = new Query(ROOT, { ...json, endAt: cursor }).run(index);
        const after = new Query(ROOT, { ...json, startAt: cursor }).run(index);
        expect([...idsOf(before), ...idsOf(after)]).toEqual(expectedIds(all, null, explicit));
        const [first] = explicit;
        const rank = (id: string): number =>
          (all.find((one) => one.id === id)?.row[first?.field ?? ""]?.rank ?? 0) *
          (first?.sign ?? 1);
        for (const id of idsOf(before))
          expect(rank(id)).toBeLessThan(place.rank * (first?.sign ?? 1));
      }),
      { numRuns: 500 },
    );
  });
});
