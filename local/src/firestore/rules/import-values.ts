/** Brings stored documents and token claims into the value model, each part when it is first looked at. */
import type { FieldValue, StoredDocument } from "../document.ts";
import { EvaluationError } from "./evaluation-error.ts";
import {
  list,
  map,
  mapOf,
  path,
  timestamp,
  type Entries,
  type Path,
  type RulesMap,
  type Value,
} from "./values.ts";

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
    latitude: Number(recordOf(raw)["latitude"] ?? 0),
    longitude: Number(recordOf(raw)["longitude"] ?? 0),
  }),
  arrayValue: (raw) => {
    const values = recordOf(raw)["values"];
    return list(Array.isArray(values) ? values.map((value) => importField(recordOf(value))) : []);
  },
  mapValue: (raw) => importFields(recordOf(recordOf(raw)["fields"])),
};

/** One proto3-JSON value. */
export function importField(field: FieldValue): Value {
  for (const kind in field) {
    if (!Object.hasOwn(IMPORTERS, kind)) {
      throw new EvaluationError(`a field of kind '${kind}' has no value in rules`);
    }
    return IMPORTERS[kind]?.(field[kind]) ?? null;
  }
  throw new EvaluationError("a field without a kind has no value in rules");
}

/** Entries of a record that are imported one by one, and only once. */
class LazyEntries implements Entries {
  readonly #raw: Readonly<Record<string, unknown>>;
  readonly #known = new Map<string, Value>();

  constructor(raw: Readonly<Record<string, unknown>>) {
    this.#raw = raw;
  }

  get size(): number {
    return Object.keys(this.#raw).length;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#raw, key);
  }

  get(key: string): Value | undefined {
    const known = this.#known.get(key);
    if (known !== undefined || !this.has(key)) return known;
    const value = importField(recordOf(this.#raw[key]));
    this.#known.set(key, value);
    return value;
  }

  keys(): Iterable<string> {
    return Object.keys(this.#raw);
  }
}

export function importFields(fields: Readonly<Record<string, unknown>>): RulesMap {
  return mapOf(new LazyEntries(fields));
}

/** Documents never change, so each is imported once however many requests look at it. */
const documents = new WeakMap<StoredDocument, RulesMap>();

/** `resource` or `request.resource`: data, id, __name__. */
export function importDocument(document: StoredDocument): RulesMap {
  const known = documents.get(document);
  if (known !== undefined) return known;
  const name = documentPath(document.name);
  const imported = map([
    ["data", importFields(document.fields)],
    ["id", name.segments.at(-1) ?? ""],
    ["__name__", name],
  ]);
  documents.set(document, imported);
  return imported;
}

/** `/databases/D/documents/...` of a full resource name: rules never see the project. */
export function documentPath(name: string): Path {
  return path(name.split("/").slice(2));
}

const identities = new WeakMap<object, RulesMap>();

/** `request.auth`. */
export function importAuth(
  auth: { readonly uid: string; readonly token: Readonly<Record<string, unknown>> } | null,
): Value {
  if (auth === null) return null;
  const known = identities.get(auth);
  if (known !== undefined) return known;
  const imported = map([
    ["uid", auth.uid],
    ["token", importJson(auth.token)],
  ]);
  identities.set(auth, imported);
  return imported;
}

/** Claims of a token: JSON numbers without fraction become ints. */
function importJson(json: unknown): Value {
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

function recordOf(raw: unknown): Readonly<Record<string, unknown>> {
  return typeof raw === "object" && raw !== null ? (raw as Record<string, unknown>) : {};
}
