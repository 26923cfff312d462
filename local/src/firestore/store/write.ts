/** One `google.firestore.v1.Write`, parsed and checked. */
import type { Fields } from "../document.ts";
import { isDocumentName, parseFieldPath, type FieldPath } from "../values/field-path.ts";
import { normalizeFields } from "../values/normalize-value.ts";
import { parsePrecondition, type Precondition } from "./preconditions.ts";
import type { DatabaseName } from "../resource-name.ts";
import { invalid } from "../rpc-error.ts";
import { parseTransform, type FieldTransform } from "./transforms.ts";
import { listAt, objectAt, optionalObject, stringAt, type Json } from "../wire-json.ts";

interface WriteTarget {
  readonly name: string;
  readonly precondition: Precondition;
}

export interface SetWrite extends WriteTarget {
  readonly kind: "set";
  readonly fields: Fields;
  /** Absent: replace the whole document. */
  readonly mask?: readonly FieldPath[];
  readonly transforms: readonly FieldTransform[];
}

export type Write =
  | SetWrite
  | (WriteTarget & { readonly kind: "delete" })
  /** Only the precondition is checked. */
  | (WriteTarget & { readonly kind: "verify" });

/** https://firebase.google.com/docs/firestore/quotas */
export const MAX_WRITES = 500;

export function parseWrites(raw: unknown, database: DatabaseName): Write[] {
  const list = listAt(raw, "writes");
  if (list.length > MAX_WRITES) {
    throw invalid(`A commit may hold at most ${MAX_WRITES} writes, found ${list.length}.`);
  }
  return list.map((one) => parseWrite(objectAt(one, "writes"), database));
}

export function parseWrite(raw: Json, database: DatabaseName): Write {
  const precondition = parsePrecondition(raw["currentDocument"]);
  if (raw["update"] !== undefined) return parseUpdate(raw, precondition, database);
  const named = (kind: "delete" | "verify"): Write => {
    const name = database.checkDocument(stringAt(raw[kind], `writes.${kind}`));
    return { kind, name, precondition };
  };
  if (raw["delete"] !== undefined) return named("delete");
  if (raw["verify"] !== undefined) return named("verify");
  if (raw["transform"] === undefined)
    throw invalid("A write needs update, delete, verify or transform.");
  const transform = objectAt(raw["transform"], "writes.transform");
  const name = database.checkDocument(stringAt(transform["document"], "writes.transform.document"));
  const transforms = parseTransforms(transform["fieldTransforms"]);
  if (transforms.length === 0)
    throw invalid("'writes.transform' needs at least one field transform.");
  return { kind: "set", name, fields: {}, mask: [], transforms, precondition };
}

function parseUpdate(raw: Json, precondition: Precondition, database: DatabaseName): Write {
  const document = objectAt(raw["update"], "writes.update");
  const name = database.checkDocument(stringAt(document["name"], "writes.update.name"));
  const mask = parseMask(raw["updateMask"], "writes.updateMask");
  const write = {
    kind: "set",
    name,
    fields: normalizeFields(document["fields"]),
    transforms: parseTransforms(raw["updateTransforms"]),
    precondition,
  } as const;
  return mask === undefined ? write : { ...write, mask };
}

function parseTransforms(raw: unknown): FieldTransform[] {
  return listAt(raw, "fieldTransforms").map(parseTransform);
}

/** A `DocumentMask`; undefined when absent. */
export function parseMask(raw: unknown, where: string): FieldPath[] | undefined {
  const mask = optionalObject(raw, where);
  if (mask === undefined) return undefined;
  return listAt(mask["fieldPaths"], where).map((text) => {
    const path = parseFieldPath(stringAt(text, where));
    if (isDocumentName(path)) throw invalid(`'${where}' may not name __name__.`);
    return path;
  });
}
