/** Writes as they go over the wire, in proto3 JSON: the same for every way of sending them. */
import { encodeFields, type RestFields } from "@bifrost/shared/cloud/firestore-values";
import { PROJECT_ID } from "../firestore-world.ts";

export const DATABASE = `projects/${PROJECT_ID}/databases/(default)`;
export const ROOT = `${DATABASE}/documents`;

export interface SetWrite {
  readonly update: { readonly name: string; readonly fields: RestFields };
  readonly updateMask?: { readonly fieldPaths: readonly string[] };
  readonly updateTransforms?: readonly {
    readonly fieldPath: string;
    readonly setToServerValue: string;
  }[];
  readonly currentDocument?: object;
}
export type WireWrite = SetWrite | { readonly delete: string };

interface SetOptions {
  /** Fields set to the commit time. */
  readonly now?: readonly string[];
  readonly must?: object;
}

/** Replaces the document. */
export function set(path: string, fields: object, options: SetOptions = {}): SetWrite {
  const { now = [], must } = options;
  return {
    update: { name: `${ROOT}/${path}`, fields: encodeFields(fields) },
    updateTransforms: now.map((fieldPath) => ({ fieldPath, setToServerValue: "REQUEST_TIME" })),
    ...(must === undefined ? {} : { currentDocument: must }),
  };
}

/** Keeps the other fields of the document. */
export function merge(path: string, fields: object, options: SetOptions = {}): SetWrite {
  return { ...set(path, fields, options), updateMask: { fieldPaths: Object.keys(fields) } };
}

export function remove(path: string): WireWrite {
  return { delete: `${ROOT}/${path}` };
}
