/** Values and documents arrive in several spellings; the store keeps one, checked against Firestore's limits. */
import type { FieldValue, Fields } from "../document.ts";
import { invalid, RpcError } from "../rpc-error.ts";
import { formatTimestamp, parseTimestamp } from "./timestamps.ts";
import { isValueKind, type ValueKind } from "./values.ts";
import { isObject, listAt, objectAt, optionalObject, stringAt, type Json } from "../wire-json.ts";

/** https://firebase.google.com/docs/firestore/quotas: 1 MiB per document, 20 levels of maps and arrays. */
export const MAX_DOCUMENT_BYTES = 1_048_576;
const MAX_NESTING = 20;
const MAX_FIELD_NAME_BYTES = 1500;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** Throws INVALID_ARGUMENT for anything that is no Firestore map of fields. */
export function normalizeFields(raw: unknown, where = "document.fields"): Fields {
  return fieldsAt(optionalObject(raw, where) ?? {}, where, 0);
}

export function normalizeValue(raw: unknown, where: string): FieldValue {
  return valueAt(raw, where, 0);
}

function fieldsAt(raw: Json, where: string, depth: number): Fields {
  if (depth > MAX_NESTING) throw invalid(`'${where}' is nested deeper than ${MAX_NESTING} levels.`);
  const entries: [string, FieldValue][] = [];
  for (const key of Object.keys(raw)) {
    checkFieldName(key);
    entries.push([key, valueAt(raw[key], `${where}.${key}`, depth)]);
  }
  return Object.fromEntries(entries);
}

function checkFieldName(key: string): void {
  if (key === "") throw invalid("A field name may not be empty.");
  if (key.length * 3 > MAX_FIELD_NAME_BYTES && Buffer.byteLength(key) > MAX_FIELD_NAME_BYTES) {
    throw invalid(
      `The field name "${key.slice(0, 64)}…" is longer than ${MAX_FIELD_NAME_BYTES} bytes.`,
    );
  }
  if (key === "__type__")
    throw new RpcError("UNIMPLEMENTED", "Vector values (field __type__) are not supported.");
  if (/^__.*__$/s.test(key)) throw invalid(`The field name "${key.slice(0, 64)}" is reserved.`);
}

type Normalizer = (raw: unknown, where: string, depth: number) => FieldValue;

const NORMALIZE: Record<ValueKind, Normalizer> = {
  nullValue: () => ({ nullValue: null }),
  booleanValue: (raw, where) => {
    if (typeof raw !== "boolean") throw invalid(`'${where}': booleanValue must be true or false.`);
    return { booleanValue: raw };
  },
  integerValue: (raw, where) => ({ integerValue: integerText(raw, where) }),
  doubleValue: (raw, where) => ({ doubleValue: doubleOf(raw, where) }),
  timestampValue: (raw, where) => ({
    timestampValue: formatTimestamp(parseTimestamp(stringAt(raw, where))),
  }),
  stringValue: (raw, where) => ({ stringValue: stringAt(raw, where) }),
  bytesValue: (raw, where) => ({
    bytesValue: Buffer.from(stringAt(raw, where), "base64").toString("base64"),
  }),
  referenceValue: (raw, where) => ({ referenceValue: stringAt(raw, where) }),
  geoPointValue: geoPoint,
  arrayValue: (raw, where, depth) => {
    if (depth >= MAX_NESTING)
      throw invalid(`'${where}' is nested deeper than ${MAX_NESTING} levels.`);
    const values = listAt(objectAt(raw, where)["values"], where).map((item) => {
      if (isObject(item) && "arrayValue" in item) {
        throw invalid(`'${where}': Cannot convert an array value in an array value.`);
      }
      return valueAt(item, where, depth + 1);
    });
    return { arrayValue: { values } };
  },
  mapValue: (raw, where, depth) => {
    const fields = optionalObject(objectAt(raw, where)["fields"], where) ?? {};
    return { mapValue: { fields: fieldsAt(fields, where, depth + 1) } };
  },
};

function valueAt(raw: unknown, where: string, depth: number): FieldValue {
  const value = objectAt(raw, where);
  const keys = Object.keys(value);
  const [kind] = keys;
  if (kind === undefined || keys.length > 1 || !isValueKind(kind)) {
    throw invalid(
      `Invalid value at '${where}': exactly one of the value kinds, found [${keys.join(", ").slice(0, 100)}].`,
    );
  }
  return NORMALIZE[kind](value[kind], where, depth);
}

function integerText(raw: unknown, where: string): string {
  const isText = typeof raw === "string" && /^-?\d{1,19}$/.test(raw);
  if (isText || Number.isSafeInteger(raw)) {
    const value = BigInt(raw as string | number);
    if (value >= INT64_MIN && value <= INT64_MAX) return String(value);
  }
  throw invalid(`'${where}': integerValue must be a 64-bit integer.`);
}

function doubleOf(raw: unknown, where: string): number | string {
  const value = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
  if (
    typeof value !== "number" ||
    (Number.isNaN(value) && raw !== "NaN" && typeof raw === "string")
  ) {
    throw invalid(`'${where}': doubleValue must be a number, "NaN", "Infinity" or "-Infinity".`);
  }
  return doubleValueOf(value);
}

/** JSON text has no NaN, no infinities, and from JSON.stringify no negative zero: they are kept spelled out. */
export function doubleValueOf(value: number): number | string {
  if (Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? value : String(value);
}

function geoPoint(raw: unknown, where: string): FieldValue {
  const point = objectAt(raw, where);
  const latitude = Number(point["latitude"] ?? 0);
  const longitude = Number(point["longitude"] ?? 0);
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) {
    throw invalid(`'${where}': latitude must be within ±90 and longitude within ±180.`);
  }
  return { geoPointValue: { latitude, longitude } };
}
