/** The comparisons of `FieldFilter` and `UnaryFilter`: what each accepts, and how it joins order and indexes. */
import type { FieldValue } from "../document.ts";
import { compareValues, elementsOf, isNaNValue, kindOf, sameType } from "../values/values.ts";

/**
 * equality: one point of an index. inequality: a range, so the field joins the implicit order. contains: an entry
 * of an array index.
 */
export type OperatorRole = "equality" | "inequality" | "contains";

export interface Operator {
  readonly role: OperatorRole;
  /** Set when the operand is a list: its most elements. */
  readonly maxElements?: number;
  readonly test: (value: FieldValue, operand: FieldValue) => boolean;
}

/** https://firebase.google.com/docs/firestore/query-data/queries#limitations */
const MAX_ELEMENTS = 30;
const MAX_NOT_IN = 10;

const isNull = (value: FieldValue): boolean => kindOf(value) === "nullValue";
const within = (value: FieldValue, list: FieldValue): boolean =>
  elementsOf(list).some((item) => compareValues(value, item) === 0);
const ordered =
  (accept: (order: number) => boolean) =>
  (value: FieldValue, operand: FieldValue): boolean =>
    sameType(value, operand) && accept(compareValues(value, operand));

export const FIELD_OPERATORS = {
  EQUAL: { role: "equality", test: ordered((order) => order === 0) },
  NOT_EQUAL: {
    role: "inequality",
    test: (value, operand) => !isNull(value) && compareValues(value, operand) !== 0,
  },
  LESS_THAN: { role: "inequality", test: ordered((order) => order < 0) },
  LESS_THAN_OR_EQUAL: { role: "inequality", test: ordered((order) => order <= 0) },
  GREATER_THAN: { role: "inequality", test: ordered((order) => order > 0) },
  GREATER_THAN_OR_EQUAL: { role: "inequality", test: ordered((order) => order >= 0) },
  IN: { role: "equality", maxElements: MAX_ELEMENTS, test: within },
  NOT_IN: {
    role: "inequality",
    maxElements: MAX_NOT_IN,
    // A null in the list makes the comparison unknown for every document.
    test: (value, list) => !isNull(value) && !within(value, list) && !elementsOf(list).some(isNull),
  },
  ARRAY_CONTAINS: { role: "contains", test: (value, operand) => within(operand, value) },
  ARRAY_CONTAINS_ANY: {
    role: "contains",
    maxElements: MAX_ELEMENTS,
    test: (value, list) => elementsOf(value).some((item) => within(item, list)),
  },
} as const satisfies Record<string, Operator>;

export const UNARY_OPERATORS = {
  IS_NULL: { role: "equality", test: isNull },
  IS_NAN: { role: "equality", test: isNaNValue },
  IS_NOT_NULL: { role: "inequality", test: (value) => !isNull(value) },
  IS_NOT_NAN: { role: "inequality", test: (value) => !isNull(value) && !isNaNValue(value) },
} as const satisfies Record<string, Operator>;

export type FieldOperator = keyof typeof FIELD_OPERATORS;
export type UnaryOperator = keyof typeof UNARY_OPERATORS;

export function isFieldOperator(name: string): name is FieldOperator {
  return Object.hasOwn(FIELD_OPERATORS, name);
}

export function isUnaryOperator(name: string): name is UnaryOperator {
  return Object.hasOwn(UNARY_OPERATORS, name);
}
