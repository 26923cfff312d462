/** `StructuredQuery.Filter` compiled to a predicate over documents. */
import type { FieldValue, StoredDocument } from "./document.ts";
import {
  fieldOf,
  formatFieldPath,
  isDocumentName,
  parseFieldPath,
  type FieldPath,
} from "./field-path.ts";
import { normalizeValue } from "./normalize-value.ts";
import { invalid, RpcError } from "./rpc-error.ts";
import { compareValues, elementsOf, isNaNValue, kindOf, sameType } from "./values.ts";
import { listAt, objectAt, optionalObject, stringAt, type Json } from "./wire-json.ts";

export interface Filter {
  readonly matches: (document: StoredDocument) => boolean;
  /** Fields of inequalities: they join the implicit order. */
  readonly inequalities: readonly FieldPath[];
}

const ALL: Filter = { matches: () => true, inequalities: [] };
/** https://firebase.google.com/docs/firestore/query-data/queries#limitations */
const MAX_ELEMENTS = 30;
const MAX_NOT_IN = 10;
const MAX_DEPTH = 20;

export function parseFilter(raw: unknown, depth = 0): Filter {
  const filter = optionalObject(raw, "where");
  if (filter === undefined || Object.keys(filter).length === 0) return ALL;
  if (depth > MAX_DEPTH) throw invalid(`'where' is nested deeper than ${MAX_DEPTH} levels.`);
  const { compositeFilter, unaryFilter, fieldFilter } = filter;
  if (compositeFilter !== undefined)
    return composite(objectAt(compositeFilter, "compositeFilter"), depth);
  if (unaryFilter !== undefined) return unary(objectAt(unaryFilter, "unaryFilter"));
  if (fieldFilter !== undefined) return comparison(objectAt(fieldFilter, "fieldFilter"));
  throw new RpcError("UNIMPLEMENTED", `Filter ${Object.keys(filter).join(", ").slice(0, 100)}`);
}

function composite(raw: Json, depth: number): Filter {
  const filters = listAt(raw["filters"], "compositeFilter.filters").map((one) =>
    parseFilter(one, depth + 1),
  );
  if (filters.length === 0) throw invalid("A composite filter needs at least one filter.");
  const inequalities = filters.flatMap((one) => one.inequalities);
  switch (raw["op"]) {
    case "AND":
      return { matches: (document) => filters.every((one) => one.matches(document)), inequalities };
    case "OR":
      return { matches: (document) => filters.some((one) => one.matches(document)), inequalities };
    default:
      throw invalid(`Unknown composite operator ${String(raw["op"]).slice(0, 40)}.`);
  }
}

export function fieldPathAt(raw: unknown, where: string): FieldPath {
  return parseFieldPath(stringAt(objectAt(raw, where)["fieldPath"], `${where}.fieldPath`));
}

const UNARY: Record<
  string,
  { readonly test: (value: FieldValue) => boolean; readonly inequality: boolean }
> = {
  IS_NULL: { test: (value) => kindOf(value) === "nullValue", inequality: false },
  IS_NAN: { test: isNaNValue, inequality: false },
  IS_NOT_NULL: { test: (value) => kindOf(value) !== "nullValue", inequality: true },
  IS_NOT_NAN: {
    test: (value) => kindOf(value) !== "nullValue" && !isNaNValue(value),
    inequality: true,
  },
};

function unary(raw: Json): Filter {
  const path = fieldPathAt(raw["field"], "unaryFilter.field");
  const operator = stringAt(raw["op"], "unaryFilter.op");
  const found = Object.hasOwn(UNARY, operator) ? UNARY[operator] : undefined;
  if (found === undefined) throw invalid(`Unknown unary operator ${operator.slice(0, 40)}.`);
  return fieldTest(path, found.test, found.inequality);
}

function fieldTest(
  path: FieldPath,
  test: (value: FieldValue) => boolean,
  inequality: boolean,
): Filter {
  return {
    matches: (document) => {
      const value = fieldOf(document, path);
      return value !== undefined && test(value);
    },
    inequalities: inequality ? [path] : [],
  };
}

interface Operator {
  readonly inequality: boolean;
  readonly list?: number;
  readonly test: (value: FieldValue, operand: FieldValue) => boolean;
}

const within = (value: FieldValue, list: FieldValue): boolean =>
  elementsOf(list).some((item) => compareValues(value, item) === 0);
const ordered =
  (accept: (order: number) => boolean) =>
  (value: FieldValue, operand: FieldValue): boolean =>
    sameType(value, operand) && accept(compareValues(value, operand));

const OPERATORS: Record<string, Operator> = {
  EQUAL: { inequality: false, test: ordered((order) => order === 0) },
  NOT_EQUAL: {
    inequality: true,
    test: (value, operand) => kindOf(value) !== "nullValue" && compareValues(value, operand) !== 0,
  },
  LESS_THAN: { inequality: true, test: ordered((order) => order < 0) },
  LESS_THAN_OR_EQUAL: { inequality: true, test: ordered((order) => order <= 0) },
  GREATER_THAN: { inequality: true, test: ordered((order) => order > 0) },
  GREATER_THAN_OR_EQUAL: { inequality: true, test: ordered((order) => order >= 0) },
  IN: { inequality: false, list: MAX_ELEMENTS, test: within },
  NOT_IN: {
    inequality: true,
    list: MAX_NOT_IN,
    test: (value, list) => kindOf(value) !== "nullValue" && !within(value, list),
  },
  ARRAY_CONTAINS: { inequality: false, test: (value, operand) => within(operand, value) },
  ARRAY_CONTAINS_ANY: {
    inequality: false,
    list: MAX_ELEMENTS,
    test: (value, list) => elementsOf(value).some((item) => within(item, list)),
  },
};

function comparison(raw: Json): Filter {
  const path = fieldPathAt(raw["field"], "fieldFilter.field");
  const name = stringAt(raw["op"], "fieldFilter.op");
  const operator = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
  if (operator === undefined) throw invalid(`Unknown operator ${name.slice(0, 40)}.`);
  const operand = normalizeValue(raw["value"], "fieldFilter.value");
  if (operator.list !== undefined) {
    const { length } = elementsOf(operand);
    if (length === 0 || length > operator.list) {
      throw invalid(`${name} needs a list of 1 to ${operator.list} values, found ${length}.`);
    }
  }
  if (isDocumentName(path)) checkNameOperand(path, operand);
  return fieldTest(path, (value) => operator.test(value, operand), operator.inequality);
}

function checkNameOperand(path: FieldPath, operand: FieldValue): void {
  const operands = kindOf(operand) === "arrayValue" ? elementsOf(operand) : [operand];
  if (!operands.every((one) => kindOf(one) === "referenceValue")) {
    throw invalid(`${formatFieldPath(path)} can only be compared with references.`);
  }
}
