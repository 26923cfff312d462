/** `StructuredQuery.Filter` as a tree of tests on single fields. */
import type { FieldValue, StoredDocument } from "../document.ts";
import { fieldOf, isDocumentName, parseFieldPath, type FieldPath } from "../values/field-path.ts";
import {
  FIELD_OPERATORS,
  isFieldOperator,
  isUnaryOperator,
  UNARY_OPERATORS,
  type FieldOperator,
  type Operator,
  type OperatorRole,
  type UnaryOperator,
} from "./filter-operators.ts";
import { normalizeValue } from "../values/normalize-value.ts";
import { invalid, RpcError } from "../rpc-error.ts";
import { elementsOf, kindOf } from "../values/values.ts";
import { listAt, objectAt, optionalObject, stringAt, type Json } from "../wire-json.ts";

export type Filter = FilterGroup | FieldTest;

export interface FilterGroup {
  readonly kind: "and" | "or";
  readonly filters: readonly Filter[];
}

export interface FieldTest {
  readonly kind: "field";
  readonly path: FieldPath;
  readonly operator: FieldOperator | UnaryOperator;
  readonly role: OperatorRole;
  /** How many points it asks for: the elements of IN and ARRAY_CONTAINS_ANY, otherwise one. */
  readonly points: number;
  /** As the store keeps values; a unary operator has none. */
  readonly operand: FieldValue | null;
  readonly test: (value: FieldValue) => boolean;
}

/** No filter: a conjunction of nothing. */
const ALL: Filter = { kind: "and", filters: [] };
const MAX_DEPTH = 20;

/** Throws INVALID_ARGUMENT, or UNIMPLEMENTED for a kind of filter this server does not have. */
export function parseFilter(raw: unknown, depth = 0): Filter {
  const filter = optionalObject(raw, "where") ?? {};
  const kinds = Object.keys(filter);
  if (kinds.length === 0) return ALL;
  // JSON can say two things at once where protobuf cannot.
  if (kinds.length > 1) {
    throw invalid(`A filter is one of its kinds, found ${kinds.join(" and ").slice(0, 100)}.`);
  }
  if (depth > MAX_DEPTH) throw invalid(`'where' is nested deeper than ${MAX_DEPTH} levels.`);
  const { compositeFilter, unaryFilter, fieldFilter } = filter;
  if (compositeFilter !== undefined)
    return composite(objectAt(compositeFilter, "compositeFilter"), depth);
  if (unaryFilter !== undefined) return unary(objectAt(unaryFilter, "unaryFilter"));
  if (fieldFilter !== undefined) return comparison(objectAt(fieldFilter, "fieldFilter"));
  throw new RpcError("UNIMPLEMENTED", `Filter ${kinds.join(", ").slice(0, 100)}`);
}

export function matchesFilter(filter: Filter, document: StoredDocument): boolean {
  if (filter.kind === "field") {
    const value = fieldOf(document, filter.path);
    return value !== undefined && filter.test(value);
  }
  return filter.kind === "and"
    ? filter.filters.every((one) => matchesFilter(one, document))
    : filter.filters.some((one) => matchesFilter(one, document));
}

/** Every test in the tree, in the order it was written. */
export function fieldTests(filter: Filter): readonly FieldTest[] {
  return filter.kind === "field" ? [filter] : filter.filters.flatMap(fieldTests);
}

export function fieldPathAt(raw: unknown, where: string): FieldPath {
  return parseFieldPath(stringAt(objectAt(raw, where)["fieldPath"], `${where}.fieldPath`));
}

function composite(raw: Json, depth: number): Filter {
  const filters = listAt(raw["filters"], "compositeFilter.filters").map((one) =>
    parseFilter(one, depth + 1),
  );
  if (filters.length === 0) throw invalid("A composite filter needs at least one filter.");
  switch (raw["op"]) {
    case "AND":
      return { kind: "and", filters };
    case "OR":
      return { kind: "or", filters };
    default:
      throw invalid(`Unknown composite operator ${String(raw["op"]).slice(0, 40)}.`);
  }
}

function unary(raw: Json): FieldTest {
  const path = fieldPathAt(raw["field"], "unaryFilter.field");
  const operator = stringAt(raw["op"], "unaryFilter.op");
  if (!isUnaryOperator(operator)) throw invalid(`Unknown unary operator ${operator.slice(0, 40)}.`);
  const { role, test } = UNARY_OPERATORS[operator];
  return { kind: "field", path, operator, role, points: 1, operand: null, test };
}

function comparison(raw: Json): FieldTest {
  const path = fieldPathAt(raw["field"], "fieldFilter.field");
  const operator = stringAt(raw["op"], "fieldFilter.op");
  if (!isFieldOperator(operator)) throw invalid(`Unknown operator ${operator.slice(0, 40)}.`);
  const { role, test, maxElements }: Operator = FIELD_OPERATORS[operator];
  const operand = normalizeValue(raw["value"], "fieldFilter.value");
  const elements = elementsOf(operand).length;
  if (maxElements !== undefined && (elements === 0 || elements > maxElements)) {
    throw invalid(`${operator} needs a list of 1 to ${maxElements} values, found ${elements}.`);
  }
  if (operator === "ARRAY_CONTAINS" && kindOf(operand) === "arrayValue") {
    throw invalid("ARRAY_CONTAINS can't look for a list: an array never holds another directly.");
  }
  if (isDocumentName(path)) checkNameOperand(role, operand);
  const points = maxElements === undefined || operator === "NOT_IN" ? 1 : elements;
  const isMet = (value: FieldValue) => test(value, operand);
  return { kind: "field", path, operator, role, points, operand, test: isMet };
}

function checkNameOperand(role: OperatorRole, operand: FieldValue): void {
  if (role === "contains") throw invalid("__name__ is no array.");
  const operands = kindOf(operand) === "arrayValue" ? elementsOf(operand) : [operand];
  if (!operands.every((one) => kindOf(one) === "referenceValue")) {
    throw invalid("__name__ can only be compared with references.");
  }
}
