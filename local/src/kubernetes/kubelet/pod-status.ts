/** What a pod shows, computed from its containers: phase and conditions. */
import { keepTransition, kubeTime } from "../objects/object.ts";
import type { Condition, ContainerStatus, Pod, PodStatus } from "../objects/object.ts";

export interface PodFacts {
  readonly podIP: string;
  readonly containers: readonly ContainerStatus[];
  /** Native sidecars; they count for readiness as the others do. */
  readonly sidecars: readonly ContainerStatus[];
  readonly restartPolicy: string;
}

/** Pure: the same facts and time give the same status. */
export function podStatus(pod: Pod, facts: PodFacts, now: number): PodStatus {
  const before = pod.status;
  const all = [...facts.sidecars, ...facts.containers];
  const phase = phaseOf(facts);
  const unready = all.filter((status) => !status.ready).map((status) => status.name);
  const isReady = phase === "Running" && unready.length === 0;
  const why = isReady
    ? {}
    : {
        reason: phase === "Succeeded" ? "PodCompleted" : "ContainersNotReady",
        message: `containers with unready status: [${unready.join(" ")}]`,
      };
  const conditions: readonly Condition[] = [
    { type: "PodScheduled", status: "True" },
    { type: "Initialized", status: "True" },
    { type: "ContainersReady", status: isReady ? "True" : "False", ...why },
    { type: "Ready", status: isReady ? "True" : "False", ...why },
  ];
  const at = kubeTime(now);
  return {
    phase,
    podIP: facts.podIP,
    podIPs: [{ ip: facts.podIP }],
    hostIP: "127.0.0.1",
    startTime: before?.startTime ?? at,
    conditions: conditions.map((each) => keepTransition(each, before?.conditions, at)),
    containerStatuses: facts.containers,
    ...(facts.sidecars.length === 0 ? {} : { initContainerStatuses: facts.sidecars }),
  };
}

function phaseOf({ containers, restartPolicy }: PodFacts): PodStatus["phase"] {
  const ended = containers.filter((status) => status.state.terminated !== undefined);
  if (ended.length === containers.length && restartPolicy !== "Always") {
    const hasFailed = ended.some((status) => status.state.terminated?.exitCode !== 0);
    if (!hasFailed) return "Succeeded";
    if (restartPolicy === "Never") return "Failed";
  }
  return containers.every(hasBegun) ? "Running" : "Pending";
}

function hasBegun({ state, restartCount }: ContainerStatus): boolean {
  return (
    state.waiting === undefined || state.waiting.reason === "CrashLoopBackOff" || restartCount > 0
  );
}
