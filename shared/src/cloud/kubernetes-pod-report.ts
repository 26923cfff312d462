/** What a decision needs to know about a pod. */
import type { V1ContainerState, V1ContainerStatus, V1Pod } from "@kubernetes/client-node";
import { APP_CONTAINER } from "../manifest/names.ts";
import type { ContainerEnd, PodReport } from "../ports/cluster.ts";

/**
 * Whether it ends for a reason that is none of the app's: it is deleted, or its node is drained, shut down or short of
 * something. The pod of the last two is not deleted, and stays as `Failed` beside the one that replaces it.
 */
export function isLeaving({ metadata, status }: V1Pod): boolean {
  const isDisrupted = status?.conditions?.some(
    (one) => one.type === "DisruptionTarget" && one.status === "True",
  );
  return (
    metadata?.deletionTimestamp !== undefined || status?.phase === "Failed" || isDisrupted === true
  );
}

export function toPodReport(pod: V1Pod): PodReport {
  const status = pod.status?.containerStatuses?.find((one) => one.name === APP_CONTAINER);
  return {
    name: pod.metadata?.name ?? "",
    phase: pod.status?.phase ?? "Unknown",
    readyChangedAt:
      pod.status?.conditions?.find((one) => one.type === "Ready")?.lastTransitionTime ?? null,
    ...describeApp(status),
  };
}

type AppReport = Omit<PodReport, "name" | "phase" | "readyChangedAt">;

/** A pod whose app container has no status yet counts as waiting for nothing in particular. */
function describeApp(status: V1ContainerStatus | undefined): AppReport {
  if (status === undefined)
    return { running: false, ready: false, restarts: 0, waiting: null, ended: null };
  return {
    running: status.state?.running !== undefined,
    ready: status.ready,
    restarts: status.restartCount,
    waiting: status.state?.waiting?.reason ?? null,
    ended: endOf(status.state) ?? endOf(status.lastState),
  };
}

function endOf(state: V1ContainerState | undefined): ContainerEnd | null {
  const end = state?.terminated;
  return end === undefined ? null : { exitCode: end.exitCode, reason: end.reason ?? "Error" };
}
