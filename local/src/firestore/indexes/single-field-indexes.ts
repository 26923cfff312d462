/** The indexes that exist without being asked for, and what field overrides make of them. */
import { formatFieldPath, parseFieldPath } from "../values/field-path.ts";
import type { FieldOverride, Index, IndexMode, QueryScope } from "./index-file.ts";

const AUTOMATIC: FieldOverride["indexes"] = [
  { mode: "ASCENDING", scope: "COLLECTION" },
  { mode: "DESCENDING", scope: "COLLECTION" },
  { mode: "CONTAINS", scope: "COLLECTION" },
];

export function singleFieldIndexes(
  collectionGroup: string,
  path: string,
  overrides: readonly FieldOverride[],
): Index[] {
  if (path === "__name__") return [];
  const settings = settingsFor(collectionGroup, path, overrides);
  return settings.map(({ mode, scope }) => toIndex(collectionGroup, path, mode, scope));
}

/** A field without an override of its own has its nearest parent's, then that of `*`. */
export function settingsFor(
  collectionGroup: string,
  path: string,
  overrides: readonly FieldOverride[],
): FieldOverride["indexes"] {
  const own = overrides.filter((override) => override.collectionGroup === collectionGroup);
  const segments = parseFieldPath(path);
  for (let length = segments.length; length > 0; length -= 1) {
    const parent = formatFieldPath(segments.slice(0, length));
    const found = own.find((override) => override.path === parent);
    if (found !== undefined) return found.indexes;
  }
  return own.find((override) => override.path === "*")?.indexes ?? AUTOMATIC;
}

function toIndex(collectionGroup: string, path: string, mode: IndexMode, scope: QueryScope): Index {
  return {
    collectionGroup,
    scope,
    fields: [{ path, mode }],
    nameDirection: mode === "DESCENDING" ? "DESCENDING" : "ASCENDING",
  };
}
