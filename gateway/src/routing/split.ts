/** Chooses one of a route's releases by weight so that the same key always gets the same release. */
import type { RouteTarget } from "@bifrost/shared/domain/route";

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
