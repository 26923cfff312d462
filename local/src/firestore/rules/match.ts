/** Which match blocks cover a document or the documents of a list, and what their wildcards stand for. */
import type { Allow, MatchBlock, PathPattern } from "./syntax-tree.ts";
import { path, type Value } from "./values.ts";

/** One match block with the paths of the blocks around it put in front. */
export interface FlatMatch {
  readonly path: readonly PathPattern[];
  readonly allows: readonly Allow[];
}

/** The values of wildcards; undefined = not determined by a list query. */
export type Captures = ReadonlyMap<string, Value | undefined>;

/** Every block that has allow statements, outermost first. */
export function flatten(block: MatchBlock, prefix: readonly PathPattern[] = []): FlatMatch[] {
  const full = [...prefix, ...block.path];
  const own = block.allows.length > 0 ? [{ path: full, allows: block.allows }] : [];
  return [...own, ...block.matches.flatMap((inner) => flatten(inner, full))];
}

/**
 * `/databases/D/documents/...`, of one document or of all that a list could return. Null is a segment that may
 * be anything; the gap stands for any number of segments, none included.
 */
export type Target = readonly (string | null | Gap)[];
interface Gap {
  readonly kind: "gap";
}
export const GAP: Gap = { kind: "gap" };

/** The wildcards' values if the pattern covers every path of the target, else null. */
export function matchPath(pattern: readonly PathPattern[], target: Target): Captures | null {
  const rest = pattern.findIndex((part) => part.kind === "rest");
  if (rest < 0) {
    const isCovered = pattern.length === target.length && coversEach(pattern, target, 0, 0);
    return isCovered ? captured(pattern, target, -1, 1) : null;
  }
  const free = target.length - (pattern.length - 1);
  const after = pattern.length - rest - 1;
  const isCovered =
    free >= 0 &&
    coversEach(pattern.slice(0, rest), target, 0, 0) &&
    coversEach(pattern, target, rest + 1, target.length - after);
  return isCovered ? captured(pattern, target, rest, free) : null;
}

/** Whether the pattern's parts from `first` on cover the target's segments from `at` on, one by one. */
function coversEach(
  pattern: readonly PathPattern[],
  target: Target,
  first: number,
  at: number,
): boolean {
  for (let index = first; index < pattern.length; index += 1) {
    const part = pattern[index];
    const segment = target[at + index - first];
    if (segment === GAP || segment === undefined) return false;
    if (part?.kind === "fixed" && part.text !== segment) return false;
  }
  return true;
}

/** `free` is how many segments the recursive wildcard, at index `rest`, takes. */
function captured(
  pattern: readonly PathPattern[],
  target: Target,
  rest: number,
  free: number,
): Captures {
  const captures = new Map<string, Value | undefined>();
  let at = 0;
  for (const [index, part] of pattern.entries()) {
    const length = index === rest ? free : 1;
    if (part.kind === "one") captures.set(part.capture, known(target[at]));
    if (part.kind === "rest") captures.set(part.capture, knownPath(target.slice(at, at + length)));
    at += length;
  }
  return captures;
}

function known(segment: Target[number] | undefined): string | undefined {
  return typeof segment === "string" ? segment : undefined;
}

function knownPath(segments: Target): Value | undefined {
  const texts = segments.filter((segment) => typeof segment === "string");
  return texts.length === segments.length ? path(texts) : undefined;
}

/** `/databases/D/documents/...` of the name of a document; null for any other name. */
export function documentTarget(name: string): readonly string[] | null {
  const segments = name.split("/").slice(2);
  const isDocument = segments.length > 3 && segments.length % 2 === 1;
  return isDocument && isResource(segments) ? segments : null;
}

/** The same for a parent of collections: a document or the root. */
export function parentTarget(name: string): readonly string[] | null {
  const segments = name.split("/").slice(2);
  return segments.length % 2 === 1 && isResource(segments) ? segments : null;
}

function isResource(segments: readonly string[]): boolean {
  return (
    segments.length >= 3 &&
    segments[0] === "databases" &&
    segments[2] === "documents" &&
    !segments.includes("")
  );
}
