/** Chooses one of a route's releases by weight so that the same key always gets the same release. */
import type { RouteTarget, Stickiness } from "@bifrost/shared/domain/route";

/** What a split may be made sticky by. */
export interface StickySource {
  readonly ip: string;
  /** The first value of a header; `name` is lower case. */
  header(name: string): string | undefined;
}

export function stickyKey(stickiness: Stickiness, source: StickySource): string {
  if (stickiness.by === "address") return source.ip;
  const value =
    stickiness.by === "header"
      ? source.header(stickiness.name.toLowerCase())
      : cookieIn(source.header("cookie") ?? "", stickiness.name);
  return value ?? source.ip;
}

/** The first value of a cookie in a Cookie header; names are case-sensitive (RFC 6265, 5.4). */
export function cookieIn(header: string, name: string): string | undefined {
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

/** FNV-1a, 32 bits: fast, and spread evenly enough for weights. */
function hash(key: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    value = Math.imul(value ^ key.charCodeAt(i), 0x01000193);
  }
  return value >>> 0;
}

/** undefined when no target has any weight. */
export function chooseTarget(targets: readonly RouteTarget[], key: string): string | undefined {
  const total = targets.reduce((sum, target) => sum + target.weight, 0);
  if (total === 0) return undefined;
  let point = (hash(key) / 2 ** 32) * total;
  for (const target of targets) {
    point -= target.weight;
    if (point < 0) return target.deploymentId;
  }
  return targets.findLast((target) => target.weight > 0)?.deploymentId;
}
