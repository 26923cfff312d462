/** The values expressions work on, and what it means for two of them to be equal. */
import { EvaluationError, UnknownValueError } from "./evaluation-error.ts";

export interface Bytes {
  readonly kind: "bytes";
  readonly bytes: Uint8Array;
}
export interface Timestamp {
  readonly kind: "timestamp";
  /** Nanoseconds since the epoch. */
  readonly nanos: bigint;
}
export interface Duration {
  readonly kind: "duration";
  readonly nanos: bigint;
}
export interface LatLng {
  readonly kind: "latlng";
  readonly latitude: number;
  readonly longitude: number;
}
export interface Path {
  readonly kind: "path";
  readonly segments: readonly string[];
}
export interface List {
  readonly kind: "list";
  readonly items: readonly Value[];
}
export interface RulesSet {
  readonly kind: "set";
  readonly items: readonly Value[];
}
export interface RulesMap {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Value>;
  /** True when only some entries are known (a list query proves no more): any other key is unknown. */
  readonly partial: boolean;
}
/** What `map.diff(other)` answers. */
export interface MapDiff {
  readonly kind: "map diff";
  readonly before: RulesMap;
  readonly after: RulesMap;
}

/** `bigint` is the language's int, `number` its float. */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Bytes
  | Timestamp
  | Duration
  | LatLng
  | Path
  | List
  | RulesSet
  | RulesMap
  | MapDiff;

export type KindName =
  | "null"
  | "bool"
  | "int"
  | "float"
  | "string"
  | Extract<Value, { readonly kind: string }>["kind"];

const PRIMITIVES: Readonly<Record<string, KindName>> = {
  boolean: "bool",
  bigint: "int",
  number: "float",
  string: "string",
};

export function kindOf(value: Value): KindName {
  if (typeof value === "object") return value === null ? "null" : value.kind;
  return PRIMITIVES[typeof value] ?? "null";
}

export const list = (items: readonly Value[]): List => ({ kind: "list", items });
export const path = (segments: readonly string[]): Path => ({ kind: "path", segments });
export const map = (entries: Iterable<readonly [string, Value]>, partial = false): RulesMap => ({
  kind: "map",
  entries: new Map(entries),
  partial,
});

/** Years 1 to 9999 and 10,000 years: the ranges of protobuf's Timestamp and Duration. */
const FIRST_NANOS = -62_135_596_800_000_000_000n;
const LAST_NANOS = 253_402_300_799_999_999_999n;
const LONGEST_NANOS = 315_576_000_000_999_999_999n;

export function timestamp(nanos: bigint): Timestamp {
  if (nanos < FIRST_NANOS || nanos > LAST_NANOS) {
    throw new EvaluationError("a timestamp must lie in the years 1 to 9999");
  }
  return { kind: "timestamp", nanos };
}

export function duration(nanos: bigint): Duration {
  if (nanos < -LONGEST_NANOS || nanos > LONGEST_NANOS) {
    throw new EvaluationError("a duration must not exceed 10,000 years");
  }
  return { kind: "duration", nanos };
}

/** A set of the given values; equal ones count once. */
export function set(items: readonly Value[]): RulesSet {
  const distinct: Value[] = [];
  for (const item of items) if (!contains(distinct, item)) distinct.push(item);
  return { kind: "set", items: distinct };
}

export function isNumber(value: Value): value is bigint | number {
  return typeof value === "bigint" || typeof value === "number";
}

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
  set: (a, b) => a.items.length === b.items.length && a.items.every((x) => contains(b.items, x)),
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
  return [...left].every(([key, value]) => {
    const other = right.get(key);
    return other !== undefined && strictlyEqual(value, other);
  });
}

/** All entries of a map; throws when a list query leaves some of them unknown. */
export function completeEntries(value: RulesMap): ReadonlyMap<string, Value> {
  if (value.partial) {
    throw new UnknownValueError("the query does not determine every field of the document");
  }
  return value.entries;
}

/** The value under a key, undefined when there is none; throws when a list query leaves it unknown. */
export function entryOf(value: RulesMap, key: string): Value | undefined {
  const found = value.entries.get(key);
  if (found === undefined && value.partial) {
    throw new UnknownValueError(`the query does not determine '${key}'`);
  }
  return found;
}
