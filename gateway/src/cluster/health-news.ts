/** What of a node's health the others have to know: pure. */
import type { NodeHealth } from "@bifrost/shared/api/cluster";

type Links = NodeHealth["links"];

/** Whether someone who knows `told`, null = nothing, would see another node in `now`. */
export function isNews(told: NodeHealth | null, now: NodeHealth): boolean {
  if (told === null) return true;
  return (
    Math.abs(now.cpu - told.cpu) >= 0.2 ||
    Math.abs(memoryShare(now) - memoryShare(told)) >= 0.05 ||
    Math.abs(now.errorRate - told.errorRate) >= 0.05 ||
    isOtherSize(told.eventLoopDelayMs, now.eventLoopDelayMs, 100) ||
    isOtherSize(told.requestsPerSecond, now.requestsPerSecond, 10) ||
    linksAreNews(told.links, now.links)
  );
}

export function linksAreNews(told: Links, now: Links): boolean {
  if (now.length !== told.length) return true;
  const formerOf = new Map(told.map((link) => [link.nodeId, link]));
  return now.some(({ nodeId, loss, roundTripMs }) => {
    const former = formerOf.get(nodeId);
    return (
      former === undefined ||
      Math.abs(loss - former.loss) >= 0.2 ||
      isOtherSize(former.roundTripMs ?? 0, roundTripMs ?? 0, 20)
    );
  });
}

/** What a node is under that others should spare. */
const STRAINS: readonly ((health: NodeHealth) => boolean)[] = [
  ({ cpu }) => cpu >= 0.9,
  (health) => memoryShare(health) >= 0.9,
  ({ eventLoopDelayMs }) => eventLoopDelayMs >= 500,
  ({ errorRate }) => errorRate >= 0.25,
];

/** Relief may wait; that it is under one may not. */
export function isStrainNew(told: NodeHealth | null, now: NodeHealth): boolean {
  return STRAINS.some((isUnder) => isUnder(now) && (told === null || !isUnder(told)));
}

function memoryShare({ memoryBytes, memoryLimitBytes }: NodeHealth): number {
  return memoryBytes / Math.max(1, memoryLimitBytes);
}

/** At least half as much again or a third less; below `least` all values are one. */
function isOtherSize(former: number, now: number, least: number): boolean {
  const [small, large] = [Math.min(former, now), Math.max(former, now)];
  return large >= least && large >= Math.max(small, least) * 1.5;
}
