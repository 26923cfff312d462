/** `objects.list`: prefix, delimiter and pages, in byte order of the names. */
import { notImplemented } from "../serving/google-error.ts";
import type { ObjectMetadata } from "./object-metadata.ts";

export interface ObjectList {
  readonly items: readonly ObjectMetadata[];
  readonly prefixes: readonly string[];
  readonly nextPageToken?: string;
}

const REFUSED = ["versions", "matchGlob", "softDeleted", "startOffset", "endOffset"] as const;
const MAX_RESULTS = 1000;

/** @throws GoogleError UNIMPLEMENTED naming the parameter */
export function listObjects(
  objects: ReadonlyMap<string, ObjectMetadata>,
  query: URLSearchParams,
): ObjectList {
  const refused = REFUSED.find((name) => query.has(name) && query.get(name) !== "false");
  if (refused !== undefined) throw notImplemented(`Listing with ${refused}`);
  const asked = Number(query.get("maxResults") ?? MAX_RESULTS);
  const size = asked >= 1 ? Math.min(asked, MAX_RESULTS) : MAX_RESULTS;
  const after = Buffer.from(query.get("pageToken") ?? "", "base64url").toString();
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const keys = keysOf(objects, prefix, delimiter);
  const rest = after === "" ? keys : keys.filter((key) => byBytes(key, after) > 0);
  const shown = rest.slice(0, size);
  const last = shown.at(-1);
  const isGroup = (key: string): boolean => groupOf(key, prefix, delimiter) !== undefined;
  return {
    items: shown.flatMap((key) => (isGroup(key) ? [] : (objects.get(key) ?? []))),
    prefixes: shown.filter(isGroup),
    ...(rest.length > size && last !== undefined
      ? { nextPageToken: Buffer.from(last).toString("base64url") }
      : {}),
  };
}

/** Object names and, for those beyond the delimiter, their common prefixes, each once and sorted. */
function keysOf(
  objects: ReadonlyMap<string, ObjectMetadata>,
  prefix: string,
  delimiter: string,
): string[] {
  const names = [...objects.keys()].filter((name) => name.startsWith(prefix));
  return [...new Set(names.map((name) => groupOf(name, prefix, delimiter) ?? name))].toSorted(
    byBytes,
  );
}

/** The common prefix that stands for `name`, when the delimiter occurs behind the asked prefix. */
function groupOf(name: string, prefix: string, delimiter: string): string | undefined {
  const at = delimiter === "" ? -1 : name.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : name.slice(0, at + delimiter.length);
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
