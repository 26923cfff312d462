/** What the collector last wrote about a replica: the parts decisions need, and how it reads in words. */
import { PROBE_RESULTS } from "@bifrost/shared/domain/replica";
import type { Note } from "@bifrost/shared/ports/deployment-store";
import * as v from "valibot";

const replicaReportSchema = v.object({
  pod: v.string(),
  /** The sidecar's verdict, and whether it has ever been true. */
  healthy: v.boolean(),
  proven: v.boolean(),
  /** How long the verdict had stood when the sample was taken. */
  verdictMs: v.number(),
  consecutivePasses: v.number(),
  lastResult: v.picklist(PROBE_RESULTS),
  lastStatus: v.nullable(v.number()),
  /** Begin of the last answer when its status failed the probe. */
  lastBody: v.nullable(v.string()),
  receivedAt: v.date(),
  expireAt: v.date(),
});
export type ReplicaReport = v.InferOutput<typeof replicaReportSchema>;

/**
 * The replicas that report, by pod. A document past its time, or of another form, is no report: its sidecar or the
 * collector is silent.
 */
export function readReports(
  notes: readonly Note[],
  now: number,
): ReadonlyMap<string, ReplicaReport> {
  const reports = new Map<string, ReplicaReport>();
  for (const note of notes) {
    const { success, output } = v.safeParse(replicaReportSchema, note);
    if (success && output.expireAt.getTime() > now) reports.set(output.pod, output);
  }
  return reports;
}

/** How long the verdict has stood by now, the time since the sample included. */
export function verdictAgeMs(report: ReplicaReport, now: number): number {
  return report.verdictMs + Math.max(0, now - report.receivedAt.getTime());
}

const BODY_WORDS = 120;

/** The last probe, for people: status and body as they came. Bodies are ASCII, so no quote inside ends these quotes. */
export function describeProbe(report: ReplicaReport): string {
  const words = PROBE_WORDS[report.lastResult];
  if (report.lastResult !== "status") return words;
  const status = `${words} ${report.lastStatus ?? 0}`;
  const body = report.lastBody?.trim().slice(0, BODY_WORDS) ?? "";
  return body === "" ? status : `${status}: “${body}”`;
}

const PROBE_WORDS: Readonly<Record<ReplicaReport["lastResult"], string>> = {
  none: "no health check has ended yet",
  ok: "the health check passes",
  refused: "nothing listens on the port in $PORT",
  timeout: "the health check does not answer in time",
  status: "the health check answers with status",
  error: "the health check's connection breaks off, or its answer is not HTTP",
};
