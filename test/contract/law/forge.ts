/** Changes one thing about a write. */
import { encodeFields, type RestFields } from "@bifrost/shared/cloud/firestore-values";
import type { SetWrite } from "./writes.ts";

/** Further or other fields, as they go over the wire; a server time for one of them is dropped. */
export function wired(write: SetWrite, fields: RestFields): SetWrite {
  const { updateMask, updateTransforms = [] } = write;
  const all = { ...write.update.fields, ...fields };
  return {
    ...write,
    update: { ...write.update, fields: all },
    ...(updateMask === undefined ? {} : { updateMask: maskOf(updateMask.fieldPaths, fields) }),
    updateTransforms: updateTransforms.filter(({ fieldPath }) => !(fieldPath in fields)),
  };
}

/** Further or other fields as plain values. */
export function other(write: SetWrite, fields: object): SetWrite {
  return wired(write, encodeFields(fields));
}

/** Does not send a field; a merge erases it. */
export function lacking(write: SetWrite, name: string): SetWrite {
  const { updateMask, updateTransforms = [] } = write;
  const { [name]: _, ...fields } = write.update.fields;
  return {
    ...write,
    update: { ...write.update, fields },
    ...(updateMask === undefined
      ? {}
      : { updateMask: maskOf(updateMask.fieldPaths, { [name]: null }) }),
    updateTransforms: updateTransforms.filter(({ fieldPath }) => fieldPath !== name),
  };
}

/** Leaves a field of a merged document as it was. */
export function keeping(write: SetWrite, name: string): SetWrite {
  const { updateMask } = write;
  const without = lacking(write, name);
  const fieldPaths = updateMask?.fieldPaths.filter((path) => path !== name) ?? [];
  return { ...without, updateMask: { fieldPaths } };
}

/** The same write to another document. */
export function elsewhere(write: SetWrite, from: string, to: string): SetWrite {
  const name = write.update.name.replace(from, to);
  return { ...write, update: { ...write.update, name } };
}

/** Without its precondition. */
export function anyhow(write: SetWrite): SetWrite {
  const { currentDocument: _, ...rest } = write;
  return rest;
}

function maskOf(paths: readonly string[], fields: object) {
  return { fieldPaths: [...new Set([...paths, ...Object.keys(fields)])] };
}
