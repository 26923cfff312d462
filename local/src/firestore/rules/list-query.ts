/**
 * What a list query proves about every document it can return: fields it compares with `==`. All else is unknown,
 * and what is unknown denies, which is the safe direction.
 */
import type { FieldValue } from "../document.ts";
import { importField } from "./import-values.ts";
import { map, type RulesMap, type Value } from "./values.ts";

type Json = Readonly<Record<string, unknown>>;

/** Mutable while it is gathered. */
type Known = Map<string, Known | { readonly exact: Value }>;

/** `resource` for a list: partial data, id and name unknown. */
export function provenResource(query: Json): RulesMap {
  const known: Known = new Map();
  gather(query["where"], known);
  return map([["data", partialMap(known)]], true);
}

/** `request.query`: the limit is null when there is none, so a rule that bounds it denies. */
export function queryFacts(query: Json): RulesMap {
  return map([
    ["limit", countOf(query["limit"]) ?? null],
    ["offset", countOf(query["offset"]) ?? 0n],
  ]);
}

/** Collection group queries reach documents under any parent; nothing proves those here. */
export function isCollectionGroup(query: Json): boolean {
  const from = query["from"];
  return Array.isArray(from) && from.some((source) => jsonOf(source)["allDescendants"] === true);
}

/** `limit` is an Int32Value: a bare number in proto3 JSON, or `{value}` as some decoders leave it. */
function countOf(raw: unknown): bigint | undefined {
  const value = typeof raw === "object" && raw !== null ? jsonOf(raw)["value"] : raw;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === "string" && /^\d{1,10}$/.test(value)) return BigInt(value);
  return undefined;
}

function gather(filter: unknown, known: Known): void {
  const composite = jsonOf(jsonOf(filter)["compositeFilter"]);
  if (composite["op"] === "AND" && Array.isArray(composite["filters"])) {
    for (const part of composite["filters"]) gather(part, known);
  }
  const field = jsonOf(jsonOf(filter)["fieldFilter"]);
  if (field["op"] === "EQUAL") learn(known, field["field"], jsonOf(field["value"]));
  const unary = jsonOf(jsonOf(filter)["unaryFilter"]);
  if (unary["op"] === "IS_NULL") learn(known, unary["field"], { nullValue: null });
}

function learn(known: Known, field: unknown, value: FieldValue): void {
  const text = jsonOf(field)["fieldPath"];
  const names = typeof text === "string" ? fieldPath(text) : [];
  const last = names.at(-1);
  if (last === undefined || names[0] === "__name__" || holdsNumber(value)) return;
  let inner = known;
  for (const name of names.slice(0, -1)) {
    const next = inner.get(name) ?? new Map<string, never>();
    if (!(next instanceof Map)) return;
    inner.set(name, next);
    inner = next;
  }
  inner.set(last, { exact: importField(value) });
}

/** The filter `== 1` also finds 1.0, so a number proves neither a type nor a strict equality. */
function holdsNumber(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(
    ([key, inner]) => key === "integerValue" || key === "doubleValue" || holdsNumber(inner),
  );
}

function partialMap(known: Known): RulesMap {
  const entries = [...known].map(([key, value]): readonly [string, Value] => [
    key,
    value instanceof Map ? partialMap(value) : value.exact,
  ]);
  return map(entries, true);
}

/** `` a.`b.c` `` to its names. */
function fieldPath(text: string): readonly string[] {
  const names = text.match(/`(?:[^`\\]|\\.)*`|[^.`]+/g) ?? [];
  return names.map((name) =>
    name.startsWith("`") ? name.slice(1, -1).replaceAll(/\\(.)/g, "$1") : name,
  );
}

function jsonOf(value: unknown): Json {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
