/** Which log entry belongs to which deployment, and the chunk it becomes. Pure. */
import { deploymentIdSchema, type DeploymentId } from "@bifrost/shared/domain/ids";
import type { LogChunk } from "@bifrost/shared/ports/deployment-store";
import * as v from "valibot";

/** The parts of a Cloud Logging LogEntry that are used. */
export const logEntrySchema = v.object({
  insertId: v.pipe(v.string(), v.minLength(1)),
  timestamp: v.pipe(v.string(), v.isoTimestamp()),
  resource: v.object({
    type: v.string(),
    labels: v.optional(v.record(v.string(), v.string()), {}),
  }),
  labels: v.optional(v.record(v.string(), v.string()), {}),
  textPayload: v.optional(v.string(), ""),
});
export type LogEntry = v.InferOutput<typeof logEntrySchema>;

export interface ChunkDecision {
  readonly deploymentId: DeploymentId;
  readonly chunk: LogChunk;
}

/** GKE copies pod labels into entries under this prefix, with dots as underscores. */
const POD_LABEL = "k8s-pod/bifrost_dev/deployment";
const BUILD_TAG = /(?:^|,)deployment-([a-z0-9]+)(?:,|$)/;
const MAX_LINE_LENGTH = 4_096;

/** Null for an entry that belongs to no deployment. */
export function decideChunk(entry: LogEntry): ChunkDecision | null {
  const source = entry.resource.type === "build" ? buildSource(entry) : podSource(entry);
  const id = v.safeParse(deploymentIdSchema, source?.deploymentId);
  if (source === null || !id.success) return null;
  const text = entry.textPayload.replace(/\n$/, "");
  return {
    deploymentId: id.output,
    chunk: {
      // The insert id makes a second delivery land on the same document.
      id: `${sortableTime(entry.timestamp)}-${entry.insertId.replaceAll(/[^A-Za-z0-9_-]/g, "_")}`,
      stream: source.stream,
      step: source.step,
      lines: text.split("\n").map((line) => line.slice(0, MAX_LINE_LENGTH)),
      at: new Date(entry.timestamp),
    },
  };
}

/** `2026-01-01T00:00:00.5Z` → `20260101T000000500000000Z`: always to the nanosecond, so that names sort by time. */
function sortableTime(timestamp: string): string {
  const seconds = new Date(timestamp).toISOString().slice(0, "2026-01-01T00:00:00".length);
  const fraction = /\.(\d{1,9})/.exec(timestamp)?.[1] ?? "";
  return `${seconds.replaceAll(/[-:]/g, "")}${fraction.padEnd(9, "0")}Z`;
}

interface Source {
  readonly deploymentId: string | undefined;
  readonly stream: LogChunk["stream"];
  readonly step: string;
}

function buildSource(entry: LogEntry): Source {
  const step = /"([^"]+)"/.exec(entry.labels["build_step"] ?? "")?.[1] ?? "build";
  return {
    deploymentId: BUILD_TAG.exec(entry.labels["build_tags"] ?? "")?.[1],
    stream: "build",
    step,
  };
}

function podSource(entry: LogEntry): Source | null {
  const labels = entry.resource.labels;
  if (labels["container_name"] !== "app") return null; // the sidecar's own lines are the platform's business
  return {
    deploymentId: entry.labels[POD_LABEL],
    stream: "runtime",
    step: labels["pod_name"] ?? "",
  };
}
