/** The values expressions work on, and how they are made. */
import { EvaluationError, UnknownValueError } from "./evaluation-error.ts";
import type { FieldFacts } from "./field-facts.ts";

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
/** What a map needs of its entries; those of a document are imported when they are asked for. */
export interface Entries {
  readonly size: number;
  has(key: string): boolean;
  get(key: string): Value | undefined;
  keys(): Iterable<string>;
}
export interface RulesMap {
  readonly kind: "map";
  readonly entries: Entries;
  /**
   * Not null when only some entries are known (a list query proves no more): any other key is unknown, apart
   * from these facts about a few.
   */
  readonly facts: ReadonlyMap<string, FieldFacts> | null;
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
export const map = (entries: Iterable<readonly [string, Value]>): RulesMap =>
  mapOf(new Map(entries));
export const mapOf = (entries: Entries, facts: RulesMap["facts"] = null): RulesMap => ({
  kind: "map",
  entries,
  facts,
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

export function isNumber(value: Value): value is bigint | number {
  return typeof value === "bigint" || typeof value === "number";
}

/** All entries of a map; throws when a list query leaves some of them unknown. */
export function completeEntries(value: RulesMap): Entries {
  if (value.facts !== null) {
    throw new UnknownValueError("the query does not determine every field of the document");
  }
  return value.entries;
}

/** The value under a key, undefined when there is none; throws when a list query leaves it unknown. */
export function entryOf(value: RulesMap, key: string): Value | undefined {
  const found = value.entries.get(key);
  if (found === undefined && value.facts !== null) {
    throw new UnknownValueError(`the query does not determine '${key}'`, value.facts.get(key));
  }
  return found;
}

/** Whether the map has the key; throws when a list query leaves that unknown. */
export function hasEntry(value: RulesMap, key: string): boolean {
  if (value.entries.has(key) || value.facts?.has(key) === true) return true;
  if (value.facts === null) return false;
  throw new UnknownValueError(`the query does not determine whether there is '${key}'`);
}
