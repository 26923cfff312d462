/** count, sum and avg over the documents of a query. */
import type { FieldValue, StoredDocument } from "./document.ts";
import { fieldOf } from "./field-path.ts";
import { fieldPathAt } from "./filter.ts";
import { doubleValueOf } from "./normalize-value.ts";
import { invalid, RpcError } from "./rpc-error.ts";
import { isNumber, numberOf, typed } from "./values.ts";
import { listAt, objectAt, optionalCount, optionalString, type Json } from "./wire-json.ts";

const MAX_AGGREGATIONS = 5;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** Fields of the result by alias. Throws INVALID_ARGUMENT before any document is looked at. */
export function aggregate(
  raw: unknown,
  documents: readonly StoredDocument[],
): Record<string, FieldValue> {
  const aggregations = listAt(raw, "aggregations");
  if (aggregations.length === 0 || aggregations.length > MAX_AGGREGATIONS) {
    throw invalid(`An aggregation query has 1 to ${MAX_AGGREGATIONS} aggregations.`);
  }
  const entries = aggregations.map((one, index): [string, FieldValue] => {
    const aggregation = objectAt(one, "aggregations");
    const alias = optionalString(aggregation["alias"], "aggregations.alias") ?? "";
    return [alias === "" ? `field_${index + 1}` : alias, compute(aggregation, documents)];
  });
  if (new Set(entries.map(([alias]) => alias)).size < entries.length)
    throw invalid("Aliases must differ.");
  return Object.fromEntries(entries);
}

function compute(aggregation: Json, documents: readonly StoredDocument[]): FieldValue {
  const { count, sum, avg } = aggregation;
  if (count !== undefined) {
    const limit = optionalCount(objectAt(count, "count")["upTo"], "count.upTo");
    return { integerValue: String(Math.min(documents.length, limit ?? Number.POSITIVE_INFINITY)) };
  }
  if (sum !== undefined) return total(numbersAt(sum, "sum", documents));
  if (avg !== undefined) {
    const numbers = numbersAt(avg, "avg", documents);
    if (numbers.length === 0) return { nullValue: null };
    const mean = Number(numberOf(total(numbers))) / numbers.length;
    return { doubleValue: doubleValueOf(mean) };
  }
  throw new RpcError(
    "UNIMPLEMENTED",
    `Aggregation ${Object.keys(aggregation).join(", ").slice(0, 100)}`,
  );
}

function numbersAt(
  raw: unknown,
  where: string,
  documents: readonly StoredDocument[],
): FieldValue[] {
  const path = fieldPathAt(objectAt(raw, where)["field"], `${where}.field`);
  return documents
    .map((document) => fieldOf(document, path))
    .filter((value): value is FieldValue => value !== undefined && isNumber(value));
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
