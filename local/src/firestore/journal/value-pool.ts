/**
 * Documents resemble each other: most of their values (states, names, nulls) occur in many of them. Values of
 * documents that were just read are replaced by equal ones that are held already, which takes about a quarter of
 * their memory away, and more time from the garbage collection than it needs itself.
 */
import type { FieldValue, StoredDocument } from "../document.ts";

/** Longer texts are rarely the same: digests, messages, bodies. */
const MAX_TEXT = 48;
/** Beyond this the pool begins anew, for most of what is in it then occurs once: times, ids. */
const MAX_VALUES = 4096;

type Writable = Record<string, FieldValue>;

export class ValuePool {
  readonly #nothing: FieldValue = { nullValue: null };
  readonly #strings = new Map<string, FieldValue>();
  readonly #integers = new Map<string, FieldValue>();

  /** Changes the document itself, of which nobody else may know yet. */
  share(document: StoredDocument): StoredDocument {
    this.#shareFields(document.fields);
    return document;
  }

  #shareFields(fields: Writable): void {
    for (const name in fields) {
      const value = fields[name];
      if (value !== undefined) fields[name] = this.#shared(value);
    }
  }

  #shared(value: FieldValue): FieldValue {
    const { stringValue, integerValue, mapValue } = value as {
      readonly stringValue?: string;
      readonly integerValue?: string;
      readonly mapValue?: { readonly fields: Writable };
    };
    if (stringValue !== undefined) return pooled(this.#strings, stringValue, value);
    if (integerValue !== undefined) return pooled(this.#integers, integerValue, value);
    if (mapValue !== undefined) this.#shareFields(mapValue.fields);
    return "nullValue" in value ? this.#nothing : value;
  }
}

function pooled(pool: Map<string, FieldValue>, text: string, value: FieldValue): FieldValue {
  if (text.length > MAX_TEXT) return value;
  const known = pool.get(text);
  if (known !== undefined) return known;
  if (pool.size >= MAX_VALUES) pool.clear();
  pool.set(text, value);
  return value;
}
