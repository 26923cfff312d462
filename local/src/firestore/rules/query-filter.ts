/** The filter of a query as alternatives, each a list of simple conditions that all hold. */
import type { FieldValue } from "../document.ts";
import type { FieldOperator } from "../query/filter-operators.ts";
import type { FieldTest, Filter } from "../query/filter.ts";
import type { FieldPath } from "../values/field-path.ts";
import { elementsOf } from "../values/values.ts";

/** A list of operands is several conditions, and the tests for null and NaN are comparisons with null. */
export type SimpleOperator = Exclude<FieldOperator, "IN" | "NOT_IN" | "ARRAY_CONTAINS_ANY">;

export interface Condition {
  readonly field: FieldPath;
  readonly operator: SimpleOperator;
  readonly value: FieldValue;
}

type Alternatives = readonly (readonly Condition[])[];

const NULL: FieldValue = { nullValue: null };

/** A document in the result meets at least one of the alternatives; no query has more than 30. */
export function alternativesOf(filter: Filter): Alternatives {
  if (filter.kind === "field") return simple(filter);
  const parts = filter.filters.map(alternativesOf);
  return filter.kind === "or" ? parts.flat() : parts.reduce(crossed, [[]]);
}

function crossed(left: Alternatives, right: Alternatives): Alternatives {
  return left.flatMap((one) => right.map((other) => [...one, ...other]));
}

function simple({ path: field, operator, operand }: FieldTest): Alternatives {
  if (operator === "IS_NAN") return [[]];
  const simpler = SIMPLER[operator];
  const value = operand ?? NULL;
  const values = LISTS.has(operator) ? elementsOf(value) : [value];
  const each = values.map((one) => ({ field, operator: simpler, value: one }));
  return operator === "NOT_IN" ? [each] : each.map((one) => [one]);
}

const LISTS = new Set<FieldTest["operator"]>(["IN", "NOT_IN", "ARRAY_CONTAINS_ANY"]);

/** What each operator says of one value; that a field is NaN is nothing a rule could ask. */
const SIMPLER: Readonly<Record<Exclude<FieldTest["operator"], "IS_NAN">, SimpleOperator>> = {
  EQUAL: "EQUAL",
  NOT_EQUAL: "NOT_EQUAL",
  LESS_THAN: "LESS_THAN",
  LESS_THAN_OR_EQUAL: "LESS_THAN_OR_EQUAL",
  GREATER_THAN: "GREATER_THAN",
  GREATER_THAN_OR_EQUAL: "GREATER_THAN_OR_EQUAL",
  ARRAY_CONTAINS: "ARRAY_CONTAINS",
  IN: "EQUAL",
  NOT_IN: "NOT_EQUAL",
  ARRAY_CONTAINS_ANY: "ARRAY_CONTAINS",
  IS_NULL: "EQUAL",
  IS_NOT_NULL: "NOT_EQUAL",
  IS_NOT_NAN: "NOT_EQUAL",
};
