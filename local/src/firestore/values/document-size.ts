/** Bytes a document counts for, after https://firebase.google.com/docs/firestore/storage-size. */
import type { FieldValue, Fields } from "../document.ts";
import { MAX_DOCUMENT_BYTES } from "./normalize-value.ts";
import { ROOT_SEGMENTS } from "../resource-name.ts";
import { invalid } from "../rpc-error.ts";
import { kindOf, typed, type TypedValue, type ValueKind } from "./values.ts";

/** What a document, and every map in it, counts beside its fields. */
const OVERHEAD = 32;

export function documentSize(name: string, fields: Fields): number {
  return nameSize(name) + fieldsSize(fields);
}

/** Every id of the path below the database, as text, and 16. */
function nameSize(name: string): number {
  const ids = name.split("/").slice(ROOT_SEGMENTS);
  return ids.reduce((sum, id) => sum + textSize(id), 16);
}

/** Throws INVALID_ARGUMENT past the cap of 1 MiB. */
export function checkDocumentSize(name: string, fields: Fields): void {
  const size = documentSize(name, fields);
  if (size > MAX_DOCUMENT_BYTES) {
    throw invalid(
      `Document "${name}" has ${size} bytes; at most ${MAX_DOCUMENT_BYTES} are allowed.`,
    );
  }
}

function textSize(text: string): number {
  return Buffer.byteLength(text) + 1;
}

function fieldsSize(fields: Fields): number {
  let total = OVERHEAD;
  for (const [key, value] of Object.entries(fields)) total += textSize(key) + valueSize(value);
  return total;
}

const SIZE: Record<ValueKind, (value: TypedValue) => number> = {
  nullValue: () => 1,
  booleanValue: () => 1,
  integerValue: () => 8,
  doubleValue: () => 8,
  timestampValue: () => 8,
  stringValue: (value) => textSize(value.stringValue ?? ""),
  bytesValue: (value) => Buffer.byteLength(value.bytesValue ?? "", "base64"),
  referenceValue: (value) => nameSize(value.referenceValue ?? ""),
  geoPointValue: () => 16,
  arrayValue: (value) =>
    (value.arrayValue?.values ?? []).reduce((sum, item) => sum + valueSize(item), 0),
  mapValue: (value) => fieldsSize(value.mapValue?.fields ?? {}),
};

function valueSize(value: FieldValue): number {
  return SIZE[kindOf(value)](typed(value));
}
