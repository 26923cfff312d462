/** The total order of Firestore values: by type first, then within the type. */
import type { FieldValue } from "../document.ts";
import { compareNames } from "../resource-name.ts";
import { compareUtf8 } from "./utf8-order.ts";

const TYPE_ORDER = {
  nullValue: 0,
  booleanValue: 1,
  integerValue: 2,
  doubleValue: 2,
  timestampValue: 3,
  stringValue: 4,
  bytesValue: 5,
  referenceValue: 6,
  geoPointValue: 7,
  arrayValue: 8,
  mapValue: 9,
} as const;

export type ValueKind = keyof typeof TYPE_ORDER;

/** A normalised value seen through its fields; exactly one is set. */
export interface TypedValue {
  readonly booleanValue?: boolean;
  readonly integerValue?: string;
  readonly doubleValue?: number | string;
  readonly timestampValue?: string;
  readonly stringValue?: string;
  readonly bytesValue?: string;
  readonly referenceValue?: string;
  readonly geoPointValue?: { readonly latitude: number; readonly longitude: number };
  readonly arrayValue?: { readonly values: readonly FieldValue[] };
  readonly mapValue?: { readonly fields: Readonly<Record<string, FieldValue>> };
}

export function typed(value: FieldValue): TypedValue {
  return value;
}

export function isValueKind(key: string): key is ValueKind {
  return Object.hasOwn(TYPE_ORDER, key);
}

export function kindOf(value: FieldValue): ValueKind {
  for (const key in value) return key as ValueKind;
  return "nullValue";
}

export function isNumber(value: FieldValue): boolean {
  return TYPE_ORDER[kindOf(value)] === 2;
}

export function isNaNValue(value: FieldValue): boolean {
  return value["doubleValue"] === "NaN";
}

/** Integers stay exact: comparing a bigint with a number loses nothing in JavaScript. */
export function numberOf(value: FieldValue): number | bigint {
  const { integerValue, doubleValue } = typed(value);
  return integerValue === undefined ? Number(doubleValue) : BigInt(integerValue);
}

export function sameType(a: FieldValue, b: FieldValue): boolean {
  return TYPE_ORDER[kindOf(a)] === TYPE_ORDER[kindOf(b)];
}

export function elementsOf(value: FieldValue): readonly FieldValue[] {
  return typed(value).arrayValue?.values ?? [];
}

/** Negative, zero or positive; NaN sorts before every other number and equals itself. */
export function compareValues(a: FieldValue, b: FieldValue): number {
  const kind = kindOf(a);
  const byType = TYPE_ORDER[kind] - TYPE_ORDER[kindOf(b)];
  return byType === 0 ? COMPARE[kind](typed(a), typed(b)) : byType;
}

type Comparison = (a: TypedValue, b: TypedValue) => number;

const COMPARE: Record<ValueKind, Comparison> = {
  nullValue: () => 0,
  booleanValue: (a, b) => Number(a.booleanValue) - Number(b.booleanValue),
  integerValue: compareNumbers,
  doubleValue: compareNumbers,
  // Normalised timestamps have one width, so their text sorts as their time.
  timestampValue: (a, b) => compareUtf8(a.timestampValue ?? "", b.timestampValue ?? ""),
  stringValue: (a, b) => compareUtf8(a.stringValue ?? "", b.stringValue ?? ""),
  bytesValue: (a, b) => Buffer.compare(bytesOf(a), bytesOf(b)),
  referenceValue: (a, b) => compareNames(a.referenceValue ?? "", b.referenceValue ?? ""),
  geoPointValue: compareGeoPoints,
  arrayValue: compareArrays,
  mapValue: compareMaps,
};

function compareNumbers(a: TypedValue, b: TypedValue): number {
  const x = numberOf(a as FieldValue);
  const y = numberOf(b as FieldValue);
  if (Number.isNaN(x)) return Number.isNaN(y) ? 0 : -1;
  if (Number.isNaN(y)) return 1;
  if (x < y) return -1;
  return x > y ? 1 : 0;
}

function bytesOf(value: TypedValue): Buffer {
  return Buffer.from(value.bytesValue ?? "", "base64");
}

function compareGeoPoints(a: TypedValue, b: TypedValue): number {
  const x = a.geoPointValue ?? { latitude: 0, longitude: 0 };
  const y = b.geoPointValue ?? { latitude: 0, longitude: 0 };
  return x.latitude - y.latitude || x.longitude - y.longitude;
}

function compareArrays(a: TypedValue, b: TypedValue): number {
  const x = a.arrayValue?.values ?? [];
  const y = b.arrayValue?.values ?? [];
  for (const [index, left] of x.entries()) {
    const right = y[index];
    if (right === undefined) return 1;
    const order = compareValues(left, right);
    if (order !== 0) return order;
  }
  return x.length - y.length;
}

function compareMaps(a: TypedValue, b: TypedValue): number {
  const x = sortedEntries(a);
  const y = sortedEntries(b);
  for (const [index, [key, left]] of x.entries()) {
    const other = y[index];
    if (other === undefined) return 1;
    const order = compareUtf8(key, other[0]) || compareValues(left, other[1]);
    if (order !== 0) return order;
  }
  return x.length - y.length;
}

function sortedEntries(value: TypedValue): [string, FieldValue][] {
  return Object.entries(value.mapValue?.fields ?? {}).toSorted((p, q) => compareUtf8(p[0], q[0]));
}

/** Whether two values are the same value of the same kind: 1 and 1.0 are not. */
export function identicalValues(a: FieldValue, b: FieldValue): boolean {
  const kind = kindOf(a);
  if (kind !== kindOf(b)) return false;
  if (kind === "arrayValue") {
    const x = elementsOf(a);
    const y = elementsOf(b);
    return x.length === y.length && x.every((item, index) => identicalValues(item, y[index] ?? {}));
  }
  if (kind === "mapValue") {
    return identicalFields(typed(a).mapValue?.fields ?? {}, typed(b).mapValue?.fields ?? {});
  }
  // -0 and 0 are equal, but not the same.
  if (kind === "doubleValue") return typed(a).doubleValue === typed(b).doubleValue;
  return compareValues(a, b) === 0;
}

/** Key order does not matter. */
export function identicalFields(
  a: Readonly<Record<string, FieldValue>>,
  b: Readonly<Record<string, FieldValue>>,
): boolean {
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => {
      const left = a[key];
      const right = Object.hasOwn(b, key) ? b[key] : undefined;
      return left !== undefined && right !== undefined && identicalValues(left, right);
    })
  );
}
