/** Whether a release's replicas have proved themselves. Pure. */
import type { Rollout } from "@bifrost/shared/ports/cluster";
import { describeProbe, type ReplicaReport } from "./replica-report.ts";

export interface HealthNeeds {
  readonly minReplicas: number;
  /** Probes each replica must pass in a row. */
  readonly passes: number;
}

export type HealthVerdict =
  | { readonly kind: "healthy"; readonly replicas: number }
  /** `pod` is the replica that the words are about, if they are about one. */
  | { readonly kind: "waiting"; readonly pod?: string; readonly words: string };

/** Every replica there is must pass, and there must be as many as were asked for. */
export function decideHealth(
  rollout: Rollout,
  reports: ReadonlyMap<string, ReplicaReport>,
  { minReplicas, passes }: HealthNeeds,
): HealthVerdict {
  const waiting = rollout.pods.find(
    (pod) => (reports.get(pod.name)?.consecutivePasses ?? 0) < passes,
  );
  if (waiting !== undefined) {
    const words = describe(reports.get(waiting.name), passes);
    return { kind: "waiting", pod: waiting.name, words };
  }
  const needed = Math.max(minReplicas, rollout.desired);
  if (rollout.pods.length >= needed) return { kind: "healthy", replicas: rollout.pods.length };
  return { kind: "waiting", words: `${rollout.pods.length} of ${needed} replicas exist` };
}

function describe(report: ReplicaReport | undefined, passes: number): string {
  if (report === undefined) return "its sidecar does not report";
  if (report.lastResult !== "ok") return describeProbe(report);
  return `the health check passed ${report.consecutivePasses} of ${passes} times in a row`;
}
