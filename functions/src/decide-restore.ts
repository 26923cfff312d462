/** What takes the place of a release that failed in its watch window. Pure; `fail` tells it, `restore` does it. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import type { FailureCode } from "@bifrost/shared/domain/failure";
import { isResting } from "@bifrost/shared/domain/lifecycle";

/** The one failure that a release before is put back for. */
export const UNDONE: FailureCode = "unhealthy-after-release";

export interface RestoreCase {
  readonly failed: Deployment;
  /** `[health] rollback` of the failed release. */
  readonly mayRollBack: boolean;
  /** `[health] watch` of the failed release. */
  readonly watchMs: number;
  readonly liveDeploymentId: string | null;
  /** The deployment that was created in its place. */
  readonly restored: Deployment | null;
  /** Deployments of the project, newest first. */
  readonly recent: readonly Deployment[];
}

export interface RestoreDecision {
  /** The release to deploy again, if any. */
  readonly target: Deployment | null;
  readonly words: string;
}

export function decideRestore(given: RestoreCase): RestoreDecision {
  const { failed, mayRollBack, liveDeploymentId, restored, recent } = given;
  if (liveDeploymentId !== failed.id) return nothing("another release serves already");
  if (restored !== null) return nothing("one was deployed again before");
  const next = recent.find((one) => one.number > failed.number && !isResting(one.state));
  if (next !== undefined) {
    const words = `Deployment ${next.number} is under way already and takes its place once it is healthy.`;
    return { target: null, words };
  }
  const { target, isNewest } = findTarget(given);
  const byHand = target === undefined ? "" : "; `bifrost rollback` does it by hand";
  if (!mayRollBack) return nothing(`[health] rollback is false${byHand}`);
  if (failed.trigger === "restore")
    return nothing("it was put in the place of a failed release itself");
  if (target === undefined) return nothing("no release before it was healthy");
  return {
    target,
    words: `Deployment ${target.number}, ${isNewest ? "the release before it" : "the last release that stood its watch window"}, is deployed again in its place.`,
  };
}

/**
 * The newest release that was live for as long as it is watched before another came. One that was replaced sooner, or
 * retried since, may have the same fault, and there is no second try: it serves only where there is no other.
 */
function findTarget({ failed, watchMs, recent }: RestoreCase) {
  const wereLive = recent.filter(
    (one) => one.number < failed.number && (isHealthy(one) || isUndone(one)),
  );
  const proven = wereLive.find((one, index) => {
    const { createdAt } = wereLive[index - 1] ?? failed;
    return isHealthy(one) && createdAt.getTime() - one.stateSince.getTime() >= watchMs;
  });
  const newest = wereLive.find(isHealthy);
  return { target: proven ?? newest, isNewest: (proven ?? newest) === newest };
}

function isHealthy({ state }: Deployment): boolean {
  return state === "healthy";
}

function isUndone({ failure }: Deployment): boolean {
  return failure?.code === UNDONE;
}

function nothing(why: string): RestoreDecision {
  return { target: null, words: `Nothing is deployed in its place: ${why}.` };
}
