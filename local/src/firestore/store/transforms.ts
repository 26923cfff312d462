/** Field transforms: what the server computes from the value that is there. */
import type { FieldValue } from "../document.ts";
import { parseFieldPath, type FieldPath } from "../values/field-path.ts";
import { doubleValueOf, normalizeValue } from "../values/normalize-value.ts";
import { invalid, RpcError } from "../rpc-error.ts";
import {
  compareValues,
  elementsOf,
  isNaNValue,
  isNumber,
  numberOf,
  typed,
} from "../values/values.ts";
import { listAt, objectAt, stringAt, type Json } from "../wire-json.ts";

export type TransformOperation =
  | { readonly kind: "serverTime" }
  | { readonly kind: "increment" | "maximum" | "minimum"; readonly operand: FieldValue }
  | { readonly kind: "append"; readonly elements: readonly FieldValue[] }
  | { readonly kind: "remove"; readonly elements: readonly FieldValue[] };

export interface FieldTransform {
  readonly path: FieldPath;
  readonly operation: TransformOperation;
}

export interface Transformed {
  readonly value: FieldValue;
  /** What the write result reports for this transform. */
  readonly result: FieldValue;
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const NULL_VALUE: FieldValue = { nullValue: null };

export function parseTransform(raw: unknown): FieldTransform {
  const transform = objectAt(raw, "fieldTransform");
  const path = parseFieldPath(stringAt(transform["fieldPath"], "fieldTransform.fieldPath"));
  return { path, operation: parseOperation(transform) };
}

function parseOperation(transform: Json): TransformOperation {
  const { setToServerValue, appendMissingElements, removeAllFromArray } = transform;
  if (setToServerValue !== undefined) {
    if (setToServerValue === "REQUEST_TIME") return { kind: "serverTime" };
    throw invalid("setToServerValue must be REQUEST_TIME.");
  }
  for (const kind of ["increment", "maximum", "minimum"] as const) {
    if (transform[kind] === undefined) continue;
    const operand = normalizeValue(transform[kind], kind);
    if (!isNumber(operand)) throw invalid(`'${kind}' needs a number.`);
    return { kind, operand };
  }
  if (appendMissingElements !== undefined)
    return { kind: "append", elements: elementsAt(appendMissingElements) };
  if (removeAllFromArray !== undefined)
    return { kind: "remove", elements: elementsAt(removeAllFromArray) };
  throw new RpcError(
    "UNIMPLEMENTED",
    `Field transform ${Object.keys(transform).join(", ").slice(0, 100)}`,
  );
}

function elementsAt(raw: unknown): FieldValue[] {
  const values = listAt(objectAt(raw, "transform elements")["values"], "transform elements");
  return values.map((value) => normalizeValue(value, "transform elements"));
}

/** `old` is undefined when the field is missing; `serverTime` is the commit's, cut to the millisecond. */
export function applyTransform(
  operation: TransformOperation,
  old: FieldValue | undefined,
  serverTime: string,
): Transformed {
  if (operation.kind === "append" || operation.kind === "remove") {
    const change = operation.kind === "append" ? appended : removed;
    return { value: change(old, operation.elements), result: NULL_VALUE };
  }
  const value =
    operation.kind === "serverTime"
      ? { timestampValue: serverTime }
      : numeric(operation.kind, operation.operand, old);
  return { value, result: value };
}

function numeric(
  kind: "increment" | "maximum" | "minimum",
  operand: FieldValue,
  old: FieldValue | undefined,
): FieldValue {
  if (old === undefined || !isNumber(old)) return operand;
  if (kind === "increment") return sum(old, operand);
  // NaN sorts before every number, yet it is both the maximum and the minimum of itself and any other.
  if (isNaNValue(old) || isNaNValue(operand)) return { doubleValue: "NaN" };
  const order = compareValues(old, operand);
  // Equal numbers keep what is stored, so 3 stays 3 when the operand is 3.0.
  return (kind === "maximum" ? order >= 0 : order <= 0) ? old : operand;
}

/** Integers saturate at 64 bits; anything with a double is a double. */
export function sum(a: FieldValue, b: FieldValue): FieldValue {
  const x = typed(a).integerValue;
  const y = typed(b).integerValue;
  if (x === undefined || y === undefined) {
    return { doubleValue: doubleValueOf(Number(numberOf(a)) + Number(numberOf(b))) };
  }
  const total = BigInt(x) + BigInt(y);
  if (total > INT64_MAX) return { integerValue: String(INT64_MAX) };
  return { integerValue: String(total < INT64_MIN ? INT64_MIN : total) };
}

function has(list: readonly FieldValue[], value: FieldValue): boolean {
  return list.some((item) => compareValues(item, value) === 0);
}

function appended(old: FieldValue | undefined, elements: readonly FieldValue[]): FieldValue {
  const values = old === undefined ? [] : [...elementsOf(old)];
  for (const element of elements) if (!has(values, element)) values.push(element);
  return { arrayValue: { values } };
}

function removed(old: FieldValue | undefined, elements: readonly FieldValue[]): FieldValue {
  const values = old === undefined ? [] : elementsOf(old);
  return { arrayValue: { values: values.filter((value) => !has(elements, value)) } };
}
