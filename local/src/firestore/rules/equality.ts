/** What it means for two values to be equal, and for a value to be one of many. */
import { EvaluationError } from "./evaluation-error.ts";
import { completeEntries, isNumber, kindOf, type RulesMap, type Value } from "./values.ts";

/** Whether the items hold the value, numbers compared by type too. */
export function contains(items: readonly Value[], value: Value): boolean {
  return items.some((item) => strictlyEqual(item, value));
}

/** `==`: an int equals a float of the same value; values of different types are unequal. */
export function looselyEqual(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return Number(a) === Number(b) && sameIfInts(a, b);
  return strictlyEqual(a, b);
}

/** Two ints are compared exactly; only a mixed pair goes through floating point, as in production. */
function sameIfInts(a: bigint | number, b: bigint | number): boolean {
  return typeof a !== "bigint" || typeof b !== "bigint" || a === b;
}

/** Equality inside lists, sets and maps: 1 and 1.0 differ. */
export function strictlyEqual(a: Value, b: Value): boolean {
  if (kindOf(a) !== kindOf(b)) return false;
  if (typeof a !== "object" || a === null) return a === b;
  if (a.kind === "map diff") throw new EvaluationError("a map diff cannot be compared");
  // Both have the same kind; the table's pairing of kinds cannot be expressed by an indexed call.
  const same = SAME[a.kind] as (a: Value, b: Value) => boolean;
  return same(a, b);
}

type ObjectValue = Extract<Value, { readonly kind: string }>;

type Sameness = {
  readonly [K in Exclude<ObjectValue["kind"], "map diff">]: (
    a: Extract<ObjectValue, { readonly kind: K }>,
    b: Extract<ObjectValue, { readonly kind: K }>,
  ) => boolean;
};

const SAME: Sameness = {
  bytes: (a, b) => Buffer.compare(a.bytes, b.bytes) === 0,
  timestamp: (a, b) => a.nanos === b.nanos,
  duration: (a, b) => a.nanos === b.nanos,
  latlng: (a, b) => a.latitude === b.latitude && a.longitude === b.longitude,
  path: (a, b) => sameItems(a.segments, b.segments),
  list: (a, b) => sameItems(a.items, b.items),
  set: (a, b) => a.items.length === b.items.length && isSubset(a.items, b.items),
  map: sameMap,
};

function sameItems(a: readonly Value[], b: readonly Value[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((item, index) => strictlyEqual(item, b[index] ?? null));
}

function sameMap(a: RulesMap, b: RulesMap): boolean {
  const left = completeEntries(a);
  const right = completeEntries(b);
  if (left.size !== right.size) return false;
  for (const key of left.keys()) {
    if (!right.has(key) || !strictlyEqual(left.get(key) ?? null, right.get(key) ?? null)) {
      return false;
    }
  }
  return true;
}

/** Whether every one of the items is among the others. */
export function isSubset(items: readonly Value[], others: readonly Value[]): boolean {
  const members = new Members(others);
  return items.every((item) => members.has(item));
}

/** The items without repetitions, the first of equal ones kept. */
export function distinct(items: readonly Value[]): readonly Value[] {
  const members = new Members([]);
  return items.filter((item) => {
    const isNew = !members.has(item);
    if (isNew) members.add(item);
    return isNew;
  });
}

/** Answers `contains` for many values in time that does not grow with the number of items. */
export class Members {
  readonly #plain = new Set<Value>();
  /** Canonical texts of lists, maps, times and the like. */
  readonly #compound = new Set<string>();

  constructor(items: readonly Value[]) {
    for (const item of items) this.add(item);
  }

  add(item: Value): void {
    if (typeof item === "object" && item !== null) this.#compound.add(canonicalText(item));
    else if (!Number.isNaN(item)) this.#plain.add(item);
  }

  has(value: Value): boolean {
    if (typeof value !== "object" || value === null) return this.#plain.has(value);
    return this.#compound.size > 0 && this.#compound.has(canonicalText(value));
  }
}

/** Equal for strictly equal values and for no others. */
function canonicalText(value: Value): string {
  return JSON.stringify(canonical(value));
}

type Json = null | boolean | string | number | readonly Json[];

function canonical(value: Value): Json {
  if (typeof value === "bigint") return ["int", String(value)];
  if (typeof value === "number") return canonicalFloat(value);
  if (typeof value !== "object" || value === null) return value;
  // As above: an indexed call cannot express that the entry belongs to the value's own kind.
  const form = CANONICAL[value.kind] as (value: Value) => readonly Json[];
  return [value.kind, ...form(value)];
}

const CANONICAL: {
  readonly [K in ObjectValue["kind"]]: (
    value: Extract<ObjectValue, { readonly kind: K }>,
  ) => readonly Json[];
} = {
  bytes: ({ bytes }) => [Buffer.from(bytes).toString("base64")],
  timestamp: ({ nanos }) => [String(nanos)],
  duration: ({ nanos }) => [String(nanos)],
  latlng: ({ latitude, longitude }) => [canonicalFloat(latitude), canonicalFloat(longitude)],
  path: ({ segments }) => segments,
  list: ({ items }) => items.map((item) => canonical(item)),
  set: ({ items }) => items.map((item) => canonicalText(item)).toSorted(),
  map: canonicalEntries,
  "map diff": () => {
    throw new EvaluationError("a map diff cannot be compared");
  },
};

let unequal = 0;

/** NaN equals nothing, itself included: every one gets a text of its own. */
function canonicalFloat(value: number): Json {
  return Number.isNaN(value) ? ["NaN", (unequal += 1)] : ["float", String(value)];
}

function canonicalEntries(value: RulesMap): readonly Json[] {
  const entries = completeEntries(value);
  return [...entries.keys()]
    .toSorted()
    .map((key) => [key, canonical(entries.get(key) ?? null)] as const);
}
