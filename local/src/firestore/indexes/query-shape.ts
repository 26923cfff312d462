/** What of a query decides which indexes can serve it: its fields, not its values. */
import { formatFieldPath, type FieldPath } from "../values/field-path.ts";
import type { FieldTest, Filter } from "../query/filter.ts";
import type { Query } from "../query/query.ts";
import type { QueryScope } from "./index-file.ts";

/** One conjunction of the filter in disjunctive normal form. */
export interface Conjunction {
  readonly equalities: ReadonlySet<string>;
  readonly contains: ReadonlySet<string>;
}

export interface ShapeOrder {
  readonly path: string;
  readonly direction: "ASCENDING" | "DESCENDING";
}

export interface QueryShape {
  /** Empty: every collection under the parent. */
  readonly collectionId: string;
  readonly scope: QueryScope;
  readonly conjunctions: readonly Conjunction[];
  /** Before the name. */
  readonly orders: readonly ShapeOrder[];
  readonly nameDirection: "ASCENDING" | "DESCENDING";
  /** Fields that sum and avg read. */
  readonly aggregated: readonly string[];
}

/** Values of IN and ARRAY_CONTAINS_ANY make conjunctions that differ in nothing but the value, so they count as one. */
export function shapeOf(query: Query, aggregated: readonly FieldPath[] = []): QueryShape {
  const orders = query.orders.map(({ path, sign }): ShapeOrder => ({
    path: formatFieldPath(path),
    direction: sign === 1 ? "ASCENDING" : "DESCENDING",
  }));
  const last = orders.at(-1);
  const endsInName = last?.path === "__name__";
  return {
    collectionId: query.collectionId,
    scope: query.allDescendants ? "COLLECTION_GROUP" : "COLLECTION",
    conjunctions: conjunctionsOf(query.filter),
    orders: endsInName ? orders.slice(0, -1) : orders,
    nameDirection: last?.direction ?? "ASCENDING",
    aggregated: [...new Set(aggregated.map(formatFieldPath))],
  };
}

function conjunctionsOf(filter: Filter): Conjunction[] {
  if (filter.kind === "field") return [conjunctionOf(filter)];
  if (filter.kind === "or") return filter.filters.flatMap(conjunctionsOf);
  return filter.filters.reduce<Conjunction[]>(
    (done, one) => cross(done, conjunctionsOf(one)),
    [{ equalities: new Set(), contains: new Set() }],
  );
}

/** Inequalities are told by the order, and what is asked of the name by every index: each ends in it. */
function conjunctionOf({ path, role }: FieldTest): Conjunction {
  const text = formatFieldPath(path);
  return {
    equalities: new Set(role === "equality" && text !== "__name__" ? [text] : []),
    contains: new Set(role === "contains" ? [text] : []),
  };
}

function cross(left: readonly Conjunction[], right: readonly Conjunction[]): Conjunction[] {
  return left.flatMap((a) =>
    right.map((b) => ({
      equalities: new Set([...a.equalities, ...b.equalities]),
      contains: new Set([...a.contains, ...b.contains]),
    })),
  );
}
