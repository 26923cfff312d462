/** The status a Deployment shows: counts, and whether it is available, progressing or past its deadline. */
import { conditionOf, keepTransition, kubeTime } from "../objects/object.ts";
import type { Condition, Deployment, DeploymentStatus, ReplicaSet } from "../objects/object.ts";
import { resolveIntOrPercent } from "../objects/quantity.ts";

export interface StatusDecision {
  readonly status: DeploymentStatus;
  /** When to look again because the progress deadline ends; absent when nothing is awaited. */
  readonly deadlineMs?: number;
}

/** Pure: the same objects and time give the same status. */
export function deploymentStatus(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  now: number,
): StatusDecision {
  const sets = [...(current === undefined ? [] : [current]), ...old];
  const total = (pick: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((sum, set) => sum + (pick(set) ?? 0), 0);
  const replicas = total((set) => set.status?.replicas);
  const availableReplicas = total((set) => set.status?.availableReplicas);
  const desired = deployment.spec.replicas ?? 1;
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 1,
    replicas,
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: total((set) => set.status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, total((set) => set.spec.replicas) - availableReplicas),
  };
  const before = deployment.status;
  const isComplete =
    current !== undefined &&
    counts.updatedReplicas === desired &&
    replicas === desired &&
    availableReplicas === desired;
  const { condition, deadlineMs } = progress(deployment, current, counts, isComplete, now);
  const conditions = [available(deployment, availableReplicas), condition].map((each) =>
    keepTransition(each, before?.conditions, kubeTime(now)),
  );
  const status = { ...counts, conditions };
  return deadlineMs === undefined ? { status } : { status, deadlineMs };
}

function available(deployment: Deployment, availableReplicas: number): Condition {
  const desired = deployment.spec.replicas ?? 1;
  const allowed = deployment.spec.strategy?.rollingUpdate?.maxUnavailable;
  const minimum = desired - resolveIntOrPercent(allowed, desired, "down");
  const isAvailable = availableReplicas >= minimum;
  return {
    type: "Available",
    status: isAvailable ? "True" : "False",
    reason: isAvailable ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
    message: `Deployment has ${isAvailable ? "" : "less than "}minimum availability.`,
  };
}

type Counts = Pick<
  DeploymentStatus,
  "replicas" | "updatedReplicas" | "readyReplicas" | "availableReplicas" | "observedGeneration"
>;

function progress(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  counts: Counts,
  isComplete: boolean,
  now: number,
): { readonly condition: Condition; readonly deadlineMs?: number } {
  const name = current?.metadata.name ?? "";
  const before = conditionOf(deployment.status?.conditions, "Progressing");
  if (isComplete) return { condition: complete(name, before, now) };
  const hasMoved = before === undefined || moved(deployment.status, counts);
  const updatedAt = (hasMoved ? undefined : before.lastUpdateTime) ?? kubeTime(now);
  const deadlineMs =
    progressSince(updatedAt, hasMoved, now) +
    (deployment.spec.progressDeadlineSeconds ?? 600) * 1000;
  const wasExceeded = !hasMoved && before.reason === "ProgressDeadlineExceeded";
  const base = { type: "Progressing", lastUpdateTime: updatedAt } as const;
  if (wasExceeded || now >= deadlineMs) {
    const message = `ReplicaSet "${name}" has timed out progressing.`;
    return { condition: { ...base, status: "False", reason: "ProgressDeadlineExceeded", message } };
  }
  const message = `ReplicaSet "${name}" is progressing.`;
  return {
    condition: { ...base, status: "True", reason: "ReplicaSetUpdated", message },
    deadlineMs,
  };
}

function complete(name: string, before: Condition | undefined, now: number): Condition {
  const reason = "NewReplicaSetAvailable";
  const completedAt = before?.reason === reason ? before.lastUpdateTime : undefined;
  const message = `ReplicaSet "${name}" has successfully progressed.`;
  const lastUpdateTime = completedAt ?? kubeTime(now);
  return { type: "Progressing", status: "True", reason, message, lastUpdateTime };
}

function progressSince(updatedAt: string, hasMoved: boolean, now: number): number {
  // A whole second is lost in the stored time: never be early.
  return hasMoved ? now : Date.parse(updatedAt) + 999;
}

function moved(before: DeploymentStatus | undefined, now: Counts): boolean {
  if (before === undefined || before.observedGeneration !== now.observedGeneration) return true;
  const grew = (["updatedReplicas", "readyReplicas", "availableReplicas"] as const).some(
    (count) => (now[count] ?? 0) > (before[count] ?? 0),
  );
  const oldBefore = (before.replicas ?? 0) - (before.updatedReplicas ?? 0);
  const oldNow = (now.replicas ?? 0) - (now.updatedReplicas ?? 0);
  return grew || oldNow < oldBefore;
}
