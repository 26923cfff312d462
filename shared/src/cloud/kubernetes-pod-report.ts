/** What a decision needs to know about a pod. */
import type { V1ContainerState, V1ContainerStatus, V1Pod } from "@kubernetes/client-node";
import { APP_CONTAINER } from "../manifest/names.ts";
import type { ContainerEnd, PodReport } from "../ports/cluster.ts";

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
