/** Whether a release's replicas have proved themselves. Pure. */
import { NEEDED_PASSES } from "@bifrost/shared/domain/replica";
import type { Rollout } from "@bifrost/shared/ports/cluster";

/** What the collector last wrote about a replica; the parts a decision needs. */
export interface ReplicaReport {
  readonly pod: string;
  readonly consecutivePasses: number;
  readonly lastResult: string;
  readonly lastStatus: number | null;
}

export type HealthVerdict =
  | { readonly kind: "healthy"; readonly replicas: number }
  | { readonly kind: "waiting"; readonly words: string };

export function decideHealth(
  rollout: Rollout,
  replicas: readonly ReplicaReport[],
  minReplicas: number,
): HealthVerdict {
  const byPod = new Map(replicas.map((replica) => [replica.pod, replica]));
  const waiting = rollout.pods
    .map((pod) => ({ pod: pod.name, report: byPod.get(pod.name) }))
    .filter(({ report }) => (report?.consecutivePasses ?? 0) < NEEDED_PASSES);
  const needed = Math.max(minReplicas, rollout.desired);
  if (waiting.length === 0 && rollout.pods.length >= needed) {
    return { kind: "healthy", replicas: rollout.pods.length };
  }
  const first = waiting.at(0);
  if (first === undefined)
    return { kind: "waiting", words: `${rollout.pods.length} of ${needed} replicas exist` };
  return { kind: "waiting", words: `${first.pod}: ${describe(first.report)}` };
}

function describe(report: ReplicaReport | undefined): string {
  if (report === undefined) return "its sidecar has not reported yet";
  switch (report.lastResult) {
    case "ok":
      return `the health check passed ${report.consecutivePasses} of ${NEEDED_PASSES} times in a row`;
    case "status":
      return `the health check answers with status ${report.lastStatus ?? 0}`;
    case "refused":
      return "nothing listens on the port in $PORT";
    case "timeout":
      return "the health check does not answer in time";
    default:
      return "the health check fails";
  }
}
