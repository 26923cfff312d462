/** Whether the indexes that exist can serve a query, and the entry of firestore.indexes.json that is missing. */
import { singleFieldIndexes } from "./single-field-indexes.ts";
import type { Index, IndexDefinitions, IndexField } from "./index-file.ts";
import type { Conjunction, QueryShape, ShapeOrder } from "./query-shape.ts";

/*
 * After https://firebase.google.com/docs/firestore/query-data/index-overview. Each conjunction is served for itself:
 * by one index, or by several whose common entries are found by merging them. An index takes part when it is
 * a prefix of fields that are compared for equality (in any order and direction) or for contents of an array,
 * then exactly the sort order, then the name in the direction the query sorts it. Merging needs the same order in
 * all, and together the prefixes must hold every compared field. An index is never read backwards, and a field that
 * is compared for equality sorts nothing. What sum and avg read follows the sort order.
 */

/** What one conjunction asks of the indexes. */
export interface IndexNeed {
  readonly collectionId: string;
  readonly scope: QueryShape["scope"];
  readonly equalities: readonly string[];
  readonly contains: readonly string[];
  readonly orders: readonly ShapeOrder[];
  readonly nameDirection: ShapeOrder["direction"];
  readonly aggregated: readonly string[];
}

/** The needs that nothing serves; empty when the query can run. */
export function unservedNeeds(shape: QueryShape, definitions: IndexDefinitions): IndexNeed[] {
  const needs = new Map<string, IndexNeed>();
  for (const conjunction of shape.conjunctions) {
    const need = needOf(shape, conjunction);
    if (!isServed(need, definitions)) needs.set(JSON.stringify(need), need);
  }
  return [...needs.values()];
}

function needOf(shape: QueryShape, { equalities, contains }: Conjunction): IndexNeed {
  const orders = shape.orders.filter(({ path }) => !equalities.has(path));
  const sorted = new Set(orders.map(({ path }) => path));
  return {
    collectionId: shape.collectionId,
    scope: shape.scope,
    equalities: [...equalities].toSorted(),
    contains: [...contains].toSorted(),
    orders,
    nameDirection: shape.nameDirection,
    aggregated: shape.aggregated.filter((path) => !equalities.has(path) && !sorted.has(path)),
  };
}

function isServed(need: IndexNeed, definitions: IndexDefinitions): boolean {
  const { equalities, contains, orders, aggregated } = need;
  const compared = [...equalities, ...contains];
  const isNameScan = compared.length + orders.length + aggregated.length === 0;
  // The names of all documents are kept in order, for collections and for groups.
  if (isNameScan && need.nameDirection === "ASCENDING") return true;
  const usable = candidates(need, definitions)
    .map((index) => usablePrefix(index, need))
    .filter((prefix) => prefix !== undefined);
  const held = new Set(usable.flat());
  return usable.length > 0 && compared.every((path) => held.has(path));
}

function candidates(need: IndexNeed, definitions: IndexDefinitions): Index[] {
  const { equalities, contains, orders, aggregated } = need;
  const fields = new Set([
    ...equalities,
    ...contains,
    ...orders.map(({ path }) => path),
    ...aggregated,
  ]);
  const single = [...fields].flatMap((path) =>
    singleFieldIndexes(need.collectionId, path, definitions.overrides),
  );
  return [...definitions.composites, ...single].filter(
    ({ collectionGroup, scope }) => collectionGroup === need.collectionId && scope === need.scope,
  );
}

/** The compared fields that the index holds in front, or undefined when it is of no use. */
function usablePrefix(index: Index, need: IndexNeed): string[] | undefined {
  const { orders, aggregated } = need;
  const length = index.fields.length - orders.length - aggregated.length;
  if (length < 0) return undefined;
  const prefix = index.fields.slice(0, length);
  const order = index.fields.slice(length, length + orders.length);
  const read = index.fields.slice(length + orders.length);
  const isUsable =
    prefix.every((field) => isCompared(field, need)) &&
    orders.every(
      ({ path, direction }, at) => order[at]?.path === path && order[at].mode === direction,
    ) &&
    read.every(({ path, mode }) => aggregated.includes(path) && mode !== "CONTAINS") &&
    // A sum is the same in every order.
    (aggregated.length > 0 || index.nameDirection === need.nameDirection);
  return isUsable ? prefix.map(({ path }) => path) : undefined;
}

function isCompared({ path, mode }: IndexField, need: IndexNeed): boolean {
  return mode === "CONTAINS" ? need.contains.includes(path) : need.equalities.includes(path);
}
