/** Field paths as masks, filters and transforms write them: `a.b`, with backquotes around anything unusual. */
import type { FieldValue, Fields, StoredDocument } from "../document.ts";
import { invalid } from "../rpc-error.ts";
import { typed } from "./values.ts";

export type FieldPath = readonly string[];

const SIMPLE = /^[A-Za-z_\u0080-\uffff][A-Za-z_0-9\u0080-\uffff]*$/;
const DOCUMENT_NAME = "__name__";

/** Throws INVALID_ARGUMENT for an empty or malformed path. */
export function parseFieldPath(text: string): FieldPath {
  if (SIMPLE.test(text)) return [text];
  const segments: string[] = [];
  let at = 0;
  while (at < text.length) {
    const [segment, next] = text[at] === "`" ? quotedSegment(text, at) : plainSegment(text, at);
    segments.push(segment);
    if (next === text.length) return segments;
    if (text[next] !== "." || next + 1 === text.length) throw malformed(text);
    at = next + 1;
  }
  throw malformed(text);
}

function quotedSegment(text: string, start: number): [string, number] {
  let segment = "";
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text[at] ?? "";
    if (char === "`") {
      if (segment === "") throw malformed(text);
      return [segment, at + 1];
    }
    if (char === "\\") at += 1;
    segment += text[at] ?? "";
  }
  throw malformed(text);
}

function plainSegment(text: string, start: number): [string, number] {
  const dot = text.indexOf(".", start);
  const end = dot === -1 ? text.length : dot;
  const segment = text.slice(start, end);
  if (!SIMPLE.test(segment)) throw malformed(text);
  return [segment, end];
}

function malformed(text: string): Error {
  return invalid(
    `Invalid field path "${text.slice(0, 200)}": segments of letters, digits and _ (not first), ` +
      "or anything in backquotes, joined by dots.",
  );
}

/** The text that parses to this path. */
export function formatFieldPath(path: FieldPath): string {
  return path
    .map((part) => (SIMPLE.test(part) ? part : `\`${part.replaceAll(/[\\`]/g, "\\$&")}\``))
    .join(".");
}

export function isDocumentName(path: FieldPath): boolean {
  return path.length === 1 && path[0] === DOCUMENT_NAME;
}

export function getField(fields: Fields, path: FieldPath): FieldValue | undefined {
  let level: Fields | undefined = fields;
  let value: FieldValue | undefined;
  for (const segment of path) {
    if (level === undefined || !Object.hasOwn(level, segment)) return undefined;
    value = level[segment];
    level = value === undefined ? undefined : typed(value).mapValue?.fields;
  }
  return value;
}

/** The field of a document; `__name__` is its reference. */
export function fieldOf(document: StoredDocument, path: FieldPath): FieldValue | undefined {
  return isDocumentName(path) ? { referenceValue: document.name } : getField(document.fields, path);
}

/** A copy with the field set, or removed when `value` is undefined; what is not on the path is shared. */
export function withField(fields: Fields, path: FieldPath, value: FieldValue | undefined): Fields {
  const [head, ...rest] = path;
  if (head === undefined) return fields;
  if (rest.length === 0)
    return value === undefined ? without(fields, head) : put(fields, head, value);
  const child = Object.hasOwn(fields, head) ? fields[head] : undefined;
  const below = child === undefined ? undefined : typed(child).mapValue?.fields;
  if (below === undefined && value === undefined) return fields;
  return put(fields, head, { mapValue: { fields: withField(below ?? {}, rest, value) } });
}

function put(fields: Fields, key: string, value: FieldValue): Fields {
  const copy: Record<string, FieldValue> = { ...fields };
  // Assignment would run the setter for a field called "__proto__".
  Object.defineProperty(copy, key, { value, enumerable: true, writable: true, configurable: true });
  return copy;
}

function without(fields: Fields, key: string): Fields {
  if (!Object.hasOwn(fields, key)) return fields;
  const { [key]: _removed, ...rest } = fields;
  return rest;
}
