/** What becomes of a route's targets when a release gets a share of the traffic. Pure. */
import type { TargetBody, TargetView } from "@bifrost/shared/api/routes";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { LIVE_TARGET } from "@bifrost/shared/domain/route";

export const CANARY = "canary";

export interface CanaryCase {
  readonly targets: readonly TargetView[];
  readonly canary: { readonly id: string; readonly number: number };
  /** Share of the canary, 0 to 100. */
  readonly percent: number;
  readonly liveId: string | null;
  /** Releases whose replicas run, newest first. */
  readonly running: readonly { readonly id: string; readonly number: number }[];
}

/**
 * The rest keeps its proportions. Without a split so far, the rest is what is live; when the canary itself is live, the
 * release before it that still runs.
 */
export function decideCanary(request: CanaryCase): readonly TargetBody[] {
  const { canary, percent } = request;
  const rest = restOf(request);
  const total = rest.reduce((sum, { weight = 0 }) => sum + weight, 0);
  return [
    ...rest.map((target) => ({ ...target, weight: (target.weight ?? 0) * (100 - percent) })),
    { deployment: canary.id, name: CANARY, weight: total * percent },
  ];
}

function restOf({ targets, canary, liveId, running }: CanaryCase): readonly TargetBody[] {
  const isLive = liveId === canary.id;
  const others = targets.filter(
    ({ deployment, name }) =>
      name !== CANARY && deployment !== canary.id && !(isLive && deployment === LIVE_TARGET),
  );
  if (others.length > 0) return inPercent(others);
  if (!isLive) return [{ deployment: LIVE_TARGET, weight: 1 }];
  const before = running.find(({ number }) => number < canary.number);
  if (before !== undefined) return [{ deployment: before.id, weight: 1 }];
  throw new BifrostError(
    "bad-request",
    `deployment ${canary.number} is live, and no release before it runs any more to share the traffic with; next time \`bifrost canary hold\` before deploying`,
    { number: canary.number },
  );
}

/** Their proportions in small numbers, none lost to rounding; equal ones when none has a weight, as after 100 percent. */
function inPercent(targets: readonly TargetView[]): readonly TargetBody[] {
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  return targets.map(({ deployment, weight, name }) => ({
    deployment,
    weight: total === 0 ? 1 : Math.ceil((weight / total) * 100),
    ...(name === null ? {} : { name }),
  }));
}
