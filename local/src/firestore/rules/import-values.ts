/** Brings stored documents and token claims into the value model. */
import type { FieldValue, StoredDocument } from "../document.ts";
import { EvaluationError } from "./evaluation-error.ts";
import { list, map, path, timestamp, type Path, type RulesMap, type Value } from "./values.ts";

type Importer = (raw: unknown) => Value;

const IMPORTERS: Readonly<Record<string, Importer>> = {
  nullValue: () => null,
  booleanValue: (raw) => raw === true,
  integerValue: intOf,
  doubleValue: (raw) => Number(raw),
  stringValue: (raw) => String(raw),
  timestampValue: (raw) => timestamp(nanosOf(String(raw))),
  bytesValue: (raw) => ({ kind: "bytes", bytes: bytesOf(raw) }),
  referenceValue: (raw) => documentPath(String(raw)),
  geoPointValue: (raw) => ({
    kind: "latlng",
    latitude: Number(fieldsOf(raw)["latitude"] ?? 0),
    longitude: Number(fieldsOf(raw)["longitude"] ?? 0),
  }),
  arrayValue: (raw) => {
    const values = fieldsOf(raw)["values"];
    return list(Array.isArray(values) ? values.map((value) => importField(fieldsOf(value))) : []);
  },
  mapValue: (raw) => importFields(fieldsOf(fieldsOf(raw)["fields"])),
};

/** One proto3-JSON value. */
export function importField(field: FieldValue): Value {
  const [kind] = Object.keys(field);
  const importer = kind === undefined ? undefined : IMPORTERS[kind];
  if (kind === undefined || importer === undefined) {
    throw new EvaluationError(`a field of kind '${kind ?? "none"}' has no value in rules`);
  }
  return importer(field[kind]);
}

export function importFields(fields: Readonly<Record<string, unknown>>): RulesMap {
  return map(Object.entries(fields).map(([key, field]) => [key, importField(fieldsOf(field))]));
}

/** `resource` or `request.resource`: data, id, __name__. */
export function importDocument(document: StoredDocument): RulesMap {
  const name = documentPath(document.name);
  return map([
    ["data", importFields(document.fields)],
    ["id", name.segments.at(-1) ?? ""],
    ["__name__", name],
  ]);
}

/** `/databases/D/documents/...` of a full resource name: rules never see the project. */
export function documentPath(name: string): Path {
  return path(name.split("/").slice(2));
}

/** Claims of a token: JSON numbers without fraction become ints. */
export function importJson(json: unknown): Value {
  if (json === null || json === undefined) return null;
  if (typeof json === "boolean" || typeof json === "string") return json;
  if (typeof json === "number") return Number.isSafeInteger(json) ? BigInt(json) : json;
  if (Array.isArray(json)) return list(json.map((item) => importJson(item)));
  if (typeof json !== "object") throw new EvaluationError("a claim is not JSON");
  return map(Object.entries(json).map(([key, value]) => [key, importJson(value)]));
}

const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

function nanosOf(text: string): bigint {
  const match = RFC3339.exec(text);
  const seconds = match === null ? Number.NaN : Date.parse(`${match[1] ?? ""}${match[3] ?? ""}`);
  if (Number.isNaN(seconds)) throw new EvaluationError(`'${text}' is no timestamp`);
  return BigInt(seconds) * 1_000_000n + BigInt((match?.[2] ?? "").padEnd(9, "0"));
}

function intOf(raw: unknown): bigint {
  const text = String(raw);
  if (!/^-?\d{1,19}$/.test(text)) throw new EvaluationError("an integer field is malformed");
  return BigInt(text);
}

function bytesOf(raw: unknown): Uint8Array {
  return raw instanceof Uint8Array ? raw : Buffer.from(String(raw), "base64");
}

function fieldsOf(raw: unknown): Readonly<Record<string, unknown>> {
  return typeof raw === "object" && raw !== null ? { ...raw } : {};
}
