/** count, sum and avg over the documents of a query. */
import type { FieldValue, StoredDocument } from "../document.ts";
import { fieldOf, type FieldPath } from "../values/field-path.ts";
import { fieldPathAt } from "./filter.ts";
import { doubleValueOf } from "../values/normalize-value.ts";
import { invalid, RpcError } from "../rpc-error.ts";
import { isNumber, numberOf, typed } from "../values/values.ts";
import { listAt, objectAt, optionalCount, optionalString, type Json } from "../wire-json.ts";

const MAX_AGGREGATIONS = 5;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

export type Aggregation = { readonly alias: string } & (
  | { readonly kind: "count"; readonly upTo: number }
  | { readonly kind: "sum" | "avg"; readonly path: FieldPath }
);

/** Throws INVALID_ARGUMENT, or UNIMPLEMENTED for another kind of aggregation. */
export function parseAggregations(raw: unknown): Aggregation[] {
  const list = listAt(raw, "aggregations");
  if (list.length === 0 || list.length > MAX_AGGREGATIONS) {
    throw invalid(
      `The maximum number of aggregations in a query is ${MAX_AGGREGATIONS} and the minimum 1; found ${list.length}.`,
    );
  }
  const aggregations = list.map((one, index) =>
    parseAggregation(objectAt(one, "aggregations"), index),
  );
  if (new Set(aggregations.map(({ alias }) => alias)).size < aggregations.length)
    throw invalid("Aliases must differ.");
  return aggregations;
}

function parseAggregation(raw: Json, index: number): Aggregation {
  const given = optionalString(raw["alias"], "aggregations.alias") ?? "";
  const alias = given === "" ? `field_${index + 1}` : given;
  if (raw["count"] !== undefined) {
    const upTo = optionalCount(objectAt(raw["count"], "count")["upTo"], "count.upTo");
    if (upTo === 0) throw invalid("'count.upTo' must be greater than zero.");
    return { alias, kind: "count", upTo: upTo ?? Number.POSITIVE_INFINITY };
  }
  for (const kind of ["sum", "avg"] as const) {
    if (raw[kind] === undefined) continue;
    return { alias, kind, path: fieldPathAt(objectAt(raw[kind], kind)["field"], `${kind}.field`) };
  }
  throw new RpcError("UNIMPLEMENTED", `Aggregation ${Object.keys(raw).join(", ").slice(0, 100)}`);
}

/** The fields that must be in the index the aggregation is computed from. */
export function aggregatedPaths(aggregations: readonly Aggregation[]): FieldPath[] {
  return aggregations.flatMap((one) => (one.kind === "count" ? [] : [one.path]));
}

/**
 * Fields of the result by alias. Production computes from one index, which holds only the documents that have every
 * aggregated field; so counts and sums leave out the others too.
 */
export function aggregate(
  aggregations: readonly Aggregation[],
  documents: readonly StoredDocument[],
): Record<string, FieldValue> {
  const paths = aggregatedPaths(aggregations);
  const indexed = documents.filter((document) =>
    paths.every((path) => fieldOf(document, path) !== undefined),
  );
  return Object.fromEntries(aggregations.map((one) => [one.alias, compute(one, indexed)]));
}

function compute(aggregation: Aggregation, documents: readonly StoredDocument[]): FieldValue {
  if (aggregation.kind === "count") {
    return { integerValue: String(Math.min(documents.length, aggregation.upTo)) };
  }
  const numbers = documents
    .map((document) => fieldOf(document, aggregation.path))
    .filter((value): value is FieldValue => value !== undefined && isNumber(value));
  if (aggregation.kind === "sum") return total(numbers);
  return numbers.length === 0
    ? { nullValue: null }
    : { doubleValue: doubleValueOf(Number(numberOf(total(numbers))) / numbers.length) };
}

/** Integer only when all are integers and the sum fits 64 bits. */
function total(numbers: readonly FieldValue[]): FieldValue {
  const integers = numbers.map((value) => typed(value).integerValue);
  if (integers.every((text) => text !== undefined)) {
    const exact = integers.reduce((sum, text) => sum + BigInt(text), 0n);
    if (exact >= INT64_MIN && exact <= INT64_MAX) return { integerValue: String(exact) };
    return { doubleValue: Number(exact) };
  }
  return {
    doubleValue: doubleValueOf(numbers.reduce((sum, value) => sum + Number(numberOf(value)), 0)),
  };
}
