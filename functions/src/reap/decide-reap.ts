/** What to do about a deployment that rests in no final state. Pure. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { STATES } from "@bifrost/shared/domain/lifecycle";
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

/** Time a replaced release keeps its replicas for requests that are under way. */
const DRAIN_MS = 30_000;

/** Whether a deployment's workloads have nothing left to do: it failed, its project is gone, or a newer one is live. */
export function isRetirable(
  deployment: Deployment | null,
  live: LiveRelease | null,
  liveSince: number | null,
  now: number,
): boolean {
  if (deployment === null || live === null) return true;
  if (deployment.state === "failed") return true;
  if (deployment.state !== "healthy" || live.liveDeploymentId === deployment.id) return false;
  return live.liveNumber > deployment.number && liveSince !== null && now - liveSince > DRAIN_MS;
}
