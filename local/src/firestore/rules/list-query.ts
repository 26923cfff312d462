/**
 * What a list query proves about every document it can return. All else is unknown, and what is unknown denies,
 * which is the safe direction.
 */
import type { Query } from "../query/query.ts";
import { isDocumentName, type FieldPath } from "../values/field-path.ts";
import { isComparable, NO_FACTS, type Bound, type FieldFacts } from "./field-facts.ts";
import { documentPath, importField } from "./import-values.ts";
import { GAP, parentTarget, type Target } from "./match.ts";
import { alternativesOf, type Condition, type SimpleOperator } from "./query-filter.ts";
import { isNumber, map, mapOf, type RulesMap, type Value } from "./values.ts";

/** The documents of a list that meet one alternative of its filter. */
export interface ListedDocuments {
  readonly target: Target;
  readonly resource: RulesMap;
}

/** All documents of a list, in groups to be allowed one by one; a text says why the query is not analysed. */
export function listedDocuments(query: Query): readonly ListedDocuments[] | string {
  const segments = parentTarget(query.parent);
  if (segments === null) return `'${query.parent}' is not a parent of collections`;
  const collection = query.collectionId === "" ? null : query.collectionId;
  const gap = query.allDescendants ? [GAP] : [];
  const target: Target = [...segments, ...gap, collection, null];
  return alternativesOf(query.filter).map((conditions) => proven(target, conditions));
}

/** `request.query`: the limit is null when there is none, so a rule that bounds it denies. */
export function queryFacts({ limit, offset }: Query): RulesMap {
  return map([
    ["limit", limit === undefined ? null : BigInt(limit)],
    ["offset", BigInt(offset)],
  ]);
}

function proven(target: Target, conditions: readonly Condition[]): ListedDocuments {
  const data = new KnownFields();
  const known = new Map<string, Value>();
  let own = target;
  for (const condition of conditions) {
    if (!isDocumentName(condition.field)) {
      data.learn(condition.field, condition);
      continue;
    }
    const name = nameOf(condition, target);
    if (name === null) continue;
    own = name.segments;
    known.set("__name__", name).set("id", name.segments.at(-1) ?? "");
  }
  known.set("data", data.toMap());
  return { target: own, resource: mapOf(known, new Map()) };
}

/** The document that `__name__ ==` names, if the list can return it at all. */
function nameOf({ operator, value }: Condition, target: Target) {
  const reference = value["referenceValue"];
  if (operator !== "EQUAL" || typeof reference !== "string") return null;
  const name = documentPath(reference);
  const gap = target.indexOf(GAP);
  const isLonger = gap >= 0 && name.segments.length >= target.length - 1;
  if (!isLonger && name.segments.length !== target.length) return null;
  const before = gap < 0 ? target.slice(0, -2) : target.slice(0, gap);
  const collection = target.at(-2);
  const isInside = before.every((segment, index) => segment === name.segments[index]);
  return isInside && (collection === null || collection === name.segments.at(-2)) ? name : null;
}

/** Fields of a document, or of a map in it, as far as conditions tell. */
class KnownFields {
  readonly #inner = new Map<string, KnownFields>();
  readonly #exact = new Map<string, Value>();
  readonly #facts = new Map<string, FieldFacts>();

  learn(field: FieldPath, condition: Condition): void {
    const [name, ...rest] = field;
    if (name === undefined || this.#exact.has(name)) return;
    if (rest.length > 0) {
      const inner = this.#inner.get(name) ?? new KnownFields();
      this.#inner.set(name, inner);
      inner.learn(rest, condition);
      return;
    }
    const value = importField(condition.value);
    if (condition.operator === "EQUAL" && !holdsNumber(value)) this.#exact.set(name, value);
    const facts = factsOf(condition.operator, value);
    if (facts !== null) this.#facts.set(name, together(this.#facts.get(name) ?? NO_FACTS, facts));
  }

  toMap(): RulesMap {
    const inner = [...this.#inner].map(([name, fields]) => [name, fields.toMap()] as const);
    return mapOf(new Map<string, Value>([...inner, ...this.#exact]), this.#facts);
  }
}

/** Null when the condition does not even prove that the field is there and not null. */
function factsOf(operator: SimpleOperator, value: Value): FieldFacts | null {
  if (value === null) return operator === "NOT_EQUAL" ? NO_FACTS : null;
  return { ...NO_FACTS, ...LEARNED[operator](value) };
}

const LEARNED: Readonly<Record<SimpleOperator, (value: Value) => Partial<FieldFacts>>> = {
  EQUAL: (value) => ({ lowest: bound(value, true), highest: bound(value, true) }),
  GREATER_THAN: (value) => ({ lowest: bound(value, false) }),
  GREATER_THAN_OR_EQUAL: (value) => ({ lowest: bound(value, true) }),
  LESS_THAN: (value) => ({ highest: bound(value, false) }),
  LESS_THAN_OR_EQUAL: (value) => ({ highest: bound(value, true) }),
  NOT_EQUAL: (value) => ({ excluded: [value] }),
  ARRAY_CONTAINS: (value) => ({ contained: holdsNumber(value) ? [] : [value] }),
};

function bound(value: Value, inclusive: boolean): Bound | null {
  return isComparable(value) ? { value, inclusive } : null;
}

/** Both hold. Of two bounds the first is kept: weaker than the closer one, but never wrong. */
function together(one: FieldFacts, other: FieldFacts): FieldFacts {
  return {
    lowest: one.lowest ?? other.lowest,
    highest: one.highest ?? other.highest,
    excluded: [...one.excluded, ...other.excluded],
    contained: [...one.contained, ...other.contained],
  };
}

/** The filter `== 1` also finds 1.0, so a number proves neither a type nor a strict equality. */
function holdsNumber(value: Value): boolean {
  if (isNumber(value)) return true;
  if (typeof value !== "object" || value === null) return false;
  if (value.kind === "list") return value.items.some((item) => holdsNumber(item));
  if (value.kind !== "map") return false;
  return Array.from(value.entries.keys()).some((key) =>
    holdsNumber(value.entries.get(key) ?? null),
  );
}
