/**
 * Chooses one of a route's releases by weight so that the same visitor always gets the same release. Every target draws
 * a number from the visitor's key, and the best one for its weight wins (weighted rendezvous hashing). Thus a larger
 * weight only draws visitors to a target, never away from it, and when a target cannot serve, only its own visitors move.
 */
import type { RouteTarget, Stickiness } from "@bifrost/shared/domain/route";

/** What a split may be made sticky by. */
export interface StickySource {
  readonly ip: string;
  /** The first value of a header; `name` is lower case. */
  header(name: string): string | undefined;
}

/** undefined when the request does not carry what its visitor is known by. */
export function stickyKey(stickiness: Stickiness, source: StickySource): string | undefined {
  if (stickiness.by === "address") return source.ip;
  return stickiness.by === "header"
    ? source.header(stickiness.name.toLowerCase())
    : cookieIn(source.header("cookie") ?? "", stickiness.name);
}

/** The first value of a cookie in a Cookie header; names are case-sensitive (RFC 6265, 5.4). */
export function cookieIn(header: string, name: string): string | undefined {
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

/**
 * undefined when no target that `canServe` has any weight. A target is known by its name before its deployment: the
 * visitors of `canary` stay with it when a new deployment takes that name.
 */
export function chooseTarget(
  targets: readonly RouteTarget[],
  key: string,
  canServe: (target: RouteTarget) => boolean,
): RouteTarget | undefined {
  let best: RouteTarget | undefined;
  let bestScore = -Infinity;
  for (const target of targets) {
    if (target.weight === 0 || !canServe(target)) continue;
    const score = Math.log(draw(target.name ?? target.deploymentId, key)) / target.weight;
    if (score > bestScore) [best, bestScore] = [target, score];
  }
  return best;
}

/** Evenly spread over (0, 1): FNV-1a of both, then the finalizer of MurmurHash3, without which short keys cluster. */
function draw(target: string, key: string): number {
  let hash = fnv1a(key, Math.imul(fnv1a(target, 0x811c9dc5), 0x01000193));
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}

function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
