/** Which match blocks cover a document, and what their wildcards stand for. */
import type { Allow, MatchBlock, PathPattern } from "./syntax-tree.ts";
import { path, type Value } from "./values.ts";

/** One match block with the paths of the blocks around it put in front. */
export interface FlatMatch {
  readonly path: readonly PathPattern[];
  readonly allows: readonly Allow[];
}

export type Captures = ReadonlyMap<string, Value | undefined>;

/** Every block that has allow statements, outermost first. */
export function flatten(block: MatchBlock, prefix: readonly PathPattern[] = []): FlatMatch[] {
  const full = [...prefix, ...block.path];
  const own = block.allows.length > 0 ? [{ path: full, allows: block.allows }] : [];
  return [...own, ...block.matches.flatMap((inner) => flatten(inner, full))];
}

/** A segment no document id can be: stands for the id of a list's documents. */
const ANY_ID = "*";

/**
 * The wildcards' values if the pattern covers the whole path, else null. A list covers every id of a collection:
 * a wildcard over it is undefined (unknown), and a fixed id does not cover it.
 */
export function matchPath(
  pattern: readonly PathPattern[],
  segments: readonly string[],
  isList: boolean,
): Captures | null {
  const free = segments.length - (pattern.length - 1);
  const hasRest = pattern.some((part) => part.kind === "rest");
  return free === 1 || (hasRest && free >= 0) ? walk(pattern, segments, free, isList) : null;
}

/** `free` is how many segments the recursive wildcard takes. */
function walk(
  pattern: readonly PathPattern[],
  segments: readonly string[],
  free: number,
  isList: boolean,
): Captures | null {
  const captures = new Map<string, Value | undefined>();
  let at = 0;
  for (const part of pattern) {
    const length = part.kind === "rest" ? free : 1;
    const taken = segments.slice(at, at + length);
    const unknown = isList && at + length === segments.length && length > 0;
    if (part.kind === "fixed") {
      if (unknown || taken[0] !== part.text) return null;
    } else {
      const value = part.kind === "one" ? (taken[0] ?? "") : path(taken);
      captures.set(part.capture, unknown ? undefined : value);
    }
    at += length;
  }
  return captures;
}

/** `/databases/D/documents/...` of a resource name; a list's ends in the stand-in for any id. */
export function segmentsOf(name: string, isList: boolean): readonly string[] | null {
  const segments = name.split("/").slice(2);
  const isWhole = segments.length > 3 && !segments.includes("");
  if (!isWhole || segments[0] !== "databases" || segments[2] !== "documents") return null;
  if (segments.length % 2 !== 1 || (segments.at(-1) === ANY_ID) !== isList) return null;
  return segments;
}
