/** What to do about a deployment whose execution may be lost, and whose replicas may have no purpose. Pure. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { STATES } from "@bifrost/shared/domain/lifecycle";
import { UNDONE } from "../decide-restore.ts";
import type { Note } from "@bifrost/shared/ports/deployment-store";

export type ReapDecision = "leave" | "expire" | "check-execution" | "start";

/** A fresh move to `queued` starts its execution through the outbox; only after this long is it thought lost. */
const START_GRACE_MS = 10_000;

export function decideReap(deployment: Deployment, claim: Note | null, now: number): ReapDecision {
  const { deadlineMs } = STATES[deployment.state];
  if (deadlineMs === null) return "leave";
  const age = now - deployment.stateSince.getTime();
  if (age > deadlineMs) return "expire";
  if (claim?.["attempt"] === deployment.attempt && claim["released"] !== true)
    return "check-execution";
  return age > START_GRACE_MS ? "start" : "leave";
}

export interface LiveRelease {
  readonly liveDeploymentId: string | null;
  readonly liveNumber: number;
}

/**
 * Whether an execution must be at work on a deployment that rests: to watch a release that became healthy, or to see to
 * it that one which failed while it was watched has a successor.
 */
export function needsExecution(
  deployment: Deployment,
  live: LiveRelease | null,
  watchMs: number,
  now: number,
): boolean {
  if (live?.liveDeploymentId !== deployment.id) return false;
  const age = now - deployment.stateSince.getTime();
  if (deployment.state === "healthy") return age < watchMs;
  return isUndone(deployment) && age <= SUCCESSOR_MS;
}

/** Time a replaced release keeps its replicas for requests that are under way. */
const DRAIN_MS = 30_000;

/** The same for the sake of a long watch window of the release that replaced it. */
const MOST_KEPT_MS = 600_000;

/**
 * How long it is seen to that a release which failed in its watch window has a successor: the deployment that was to take
 * its place may be built for half an hour and fail then.
 */
const SUCCESSOR_MS = 3_600_000;

/** How the release that is live came to be it. */
export interface Succession {
  /** Its latest move: to healthy, or to failed when its watch window went badly. */
  readonly since: number;
  readonly watchMs: number;
  /** It failed since. */
  readonly isFailed: boolean;
}

/**
 * Whether a deployment's workloads have nothing left to do: it failed, its project is gone, or a newer one is live and
 * past its watch window. Until then the gateway falls back on the one before, and longer when the live one failed. That
 * one stays as well when it failed in its watch window: its replicas that still pass answer until another release serves.
 */
export function isRetirable(
  deployment: Deployment | null,
  live: LiveRelease | null,
  succession: Succession | null,
  now: number,
): boolean {
  if (deployment === null || live === null) return true;
  const isLive = live.liveDeploymentId === deployment.id;
  if (deployment.state === "failed") return !(isUndone(deployment) && isLive);
  if (deployment.state !== "healthy" || isLive || succession === null) return false;
  if (succession.isFailed) return false;
  const kept = Math.max(DRAIN_MS, Math.min(succession.watchMs, MOST_KEPT_MS));
  return live.liveNumber > deployment.number && now - succession.since > kept;
}

function isUndone({ state, failure }: Deployment): boolean {
  return state === "failed" && failure?.code === UNDONE;
}
