/** The filter of a query as alternatives, each a list of simple conditions that all hold. */
import type { FieldValue } from "../document.ts";
import { parseFieldPath, type FieldPath } from "../values/field-path.ts";
import { LIMITS } from "./limits.ts";

export interface Condition {
  readonly field: FieldPath;
  readonly operator: string;
  readonly value: FieldValue;
}

type Json = Readonly<Record<string, unknown>>;
type Alternatives = readonly (readonly Condition[])[];

/** A document in the result meets at least one of the alternatives; null = too many to look at. */
export function alternativesOf(filter: unknown): Alternatives | null {
  const { compositeFilter, fieldFilter, unaryFilter } = jsonOf(filter);
  if (compositeFilter !== undefined) return composite(jsonOf(compositeFilter));
  if (fieldFilter !== undefined) return simple(jsonOf(fieldFilter));
  if (unaryFilter !== undefined) return [unary(jsonOf(unaryFilter))];
  return [[]];
}

function composite({ op, filters }: Json): Alternatives | null {
  if (op !== "OR" && op !== "AND") return [[]];
  let all: Alternatives = op === "OR" ? [] : [[]];
  for (const part of Array.isArray(filters) ? filters : []) {
    const own = alternativesOf(part);
    if (own === null) return null;
    const joined = op === "OR" ? [...all, ...own] : crossed(all, own);
    if (joined.length > LIMITS.alternatives) return null;
    all = joined;
  }
  return all;
}

function crossed(left: Alternatives, right: Alternatives): Alternatives {
  return left.flatMap((one) => right.map((other) => [...one, ...other]));
}

/** `in` and `array-contains-any` are alternatives, `not-in` is several conditions. */
function simple(filter: Json): Alternatives | null {
  const value = jsonOf(filter["value"]);
  const operator = String(filter["op"]);
  const each = (simpler: string): readonly Condition[] =>
    elementsOf(value).flatMap((element) => condition(filter["field"], simpler, element));
  if (operator === "NOT_IN") return [each("NOT_EQUAL")];
  if (operator !== "IN" && operator !== "ARRAY_CONTAINS_ANY") {
    return [condition(filter["field"], operator, value)];
  }
  const conditions = each(operator === "IN" ? "EQUAL" : "ARRAY_CONTAINS");
  return conditions.length > LIMITS.alternatives ? null : conditions.map((one) => [one]);
}

/** The tests for null and NaN say no more than comparisons with null do, apart from IS_NAN. */
function unary(filter: Json): readonly Condition[] {
  const operator = filter["op"] === "IS_NULL" ? "EQUAL" : "NOT_EQUAL";
  const isKnown = ["IS_NULL", "IS_NOT_NULL", "IS_NOT_NAN"].includes(String(filter["op"]));
  return isKnown ? condition(filter["field"], operator, { nullValue: null }) : [];
}

/** No condition at all for a field that has no path: nothing is learned from it. */
function condition(field: unknown, operator: string, value: FieldValue): readonly Condition[] {
  const path = pathOf(jsonOf(field)["fieldPath"]);
  return path === null ? [] : [{ field: path, operator, value }];
}

function pathOf(text: unknown): FieldPath | null {
  try {
    return typeof text === "string" ? parseFieldPath(text) : null;
  } catch {
    return null;
  }
}

function elementsOf(value: Json): readonly Json[] {
  const { values } = jsonOf(value["arrayValue"]);
  return Array.isArray(values) ? values.map((element) => jsonOf(element)) : [];
}

function jsonOf(value: unknown): Json {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
