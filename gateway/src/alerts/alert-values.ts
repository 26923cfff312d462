/** What alert rules see of a sample, and what they raise. */
import type { ReleaseBackends } from "@bifrost/shared/ports/backend-source";
import type { TakenSample } from "../telemetry/sample-feed.ts";

export const SEVERITIES = ["info", "warning", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Where every alert may go without any setting. */
export const LOG_TARGET = "log";

/** The globals of a rule, by their names; null is nil. */
export interface AlertValues {
  /** The sidecar's verdict by its thresholds, not the last probe alone. */
  readonly healthy: boolean;
  /** Of the last probe; nil when no answer came. */
  readonly response_time_ms: number | null;
  /** Of one core: 250 is two and a half cores; nil when the sidecar cannot see the app. */
  readonly cpu_percent: number | null;
  /** Resident memory as a share of the limit; nil when either is unknown. */
  readonly memory_percent: number | null;
  /** Resident memory of the app's processes; nil when the sidecar cannot see them. */
  readonly memory_bytes: number | null;
  /** Probes that failed in a row. */
  readonly unhealthy_count: number;
  readonly deploy_id: string;
  /** The id of the project; "" when the gateway does not know it. */
  readonly project: string;
  /** The name of the pod. */
  readonly replica: string;
}

/** In the order in which they are handed over. */
export const VALUE_NAMES = [
  "healthy",
  "response_time_ms",
  "cpu_percent",
  "memory_percent",
  "memory_bytes",
  "unhealthy_count",
  "deploy_id",
  "project",
  "replica",
] as const satisfies readonly (keyof AlertValues)[];

export interface RaisedAlert {
  readonly severity: Severity;
  readonly message: string;
  /** `log`, or the name of a webhook. */
  readonly to: string;
}

export function alertValues(
  { deploymentId, line, replica }: Pick<TakenSample, "deploymentId" | "line" | "replica">,
  { projectId, memoryLimitBytes }: Pick<ReleaseBackends, "projectId" | "memoryLimitBytes">,
): AlertValues {
  const { cpuMillicores, memoryBytes } = replica;
  const isShareKnown = memoryBytes !== null && memoryLimitBytes !== undefined;
  return {
    healthy: replica.healthy,
    response_time_ms: replica.lastStatus === null ? null : replica.latencyMs,
    cpu_percent: cpuMillicores === null ? null : cpuMillicores / 10,
    memory_percent: isShareKnown ? (memoryBytes / memoryLimitBytes) * 100 : null,
    memory_bytes: memoryBytes,
    unhealthy_count: line.fails,
    deploy_id: deploymentId,
    project: projectId,
    replica: replica.pod,
  };
}
