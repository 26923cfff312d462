/**
 * Whether a release that became healthy still is, and how long to keep looking. Pure.
 *
 * The reports of the sidecars and the state of the pods are evidence; their absence is none: a collector that is away
 * fails no release as long as the cluster calls one of its replicas ready.
 */
import type { PodReport, Rollout } from "@bifrost/shared/ports/cluster";
import { describeProbe, type ReplicaReport, verdictAgeMs } from "../replica-report.ts";

export interface WatchFacts {
  readonly rollout: Rollout;
  /** Of the replicas that report, by pod. */
  readonly reports: ReadonlyMap<string, ReplicaReport>;
  /** Restarts of each pod's app when the release became healthy; a pod that is absent had none. */
  readonly restartsBefore: ReadonlyMap<string, number>;
  /** How long a replica may take from its start to its first passes. */
  readonly startTimeoutMs: number;
  /** How long the cluster may take to call a replica ready again that passes its probes. */
  readonly returnTimeoutMs: number;
  /** The most memory the app may use, as deploy.toml has it. */
  readonly memoryLimit: string;
  readonly now: number;
}

export type WatchVerdict =
  | { readonly kind: "well" }
  /** Something fails, for too short a time to tell: the window does not close on it. */
  | { readonly kind: "doubtful" }
  | { readonly kind: "broken"; readonly pod: string; readonly words: string };

/** The start of a container takes less, so one restart by itself fails no release. */
export const UNHEALTHY_MS = 5_000;
const TOLERATED_ENDS = 1;
/**
 * The change itself is stored at once, and an unhealthy replica again within five seconds. When nothing came after the
 * change, the collector went away with it: whether the replica recovered, nobody knows.
 */
const CONFIRMED_MS = 1_000;

export function decideWatch(facts: WatchFacts): WatchVerdict {
  for (const pod of facts.rollout.pods) {
    const words =
      wordsOfEnd(pod, facts) ?? wordsOfVerdict(pod, facts) ?? wordsOfReadiness(pod, facts);
    if (words !== null) return { kind: "broken", pod: pod.name, words };
  }
  const outage = outageMs(facts);
  const [first] = facts.rollout.pods;
  if (first !== undefined && outage >= facts.startTimeoutMs) {
    const report = facts.reports.get(first.name);
    const why = report === undefined ? "the cluster calls it not ready" : describeProbe(report);
    const words = `no replica has been healthy for ${seconds(outage)}; ${why}`;
    return { kind: "broken", pod: first.name, words };
  }
  const isDoubtful =
    outage > 0 ||
    facts.rollout.pods.some((pod) => isFailing(pod, facts) || keptOutMs(pod, facts) > 0);
  return { kind: isDoubtful ? "doubtful" : "well" };
}

/** The app was killed for its memory, or ended more than once since the release became healthy. */
function wordsOfEnd(
  pod: PodReport,
  { reports, restartsBefore, memoryLimit }: WatchFacts,
): string | null {
  if (pod.ended === null) return null;
  if (pod.ended.reason === "OOMKilled")
    return `the app was killed for using more memory than it may: ${memoryLimit}; raise [resources] memory in deploy.toml, or let it use less`;
  const isDown = pod.waiting === "CrashLoopBackOff";
  const ends = pod.restarts - (restartsBefore.get(pod.name) ?? 0) + (isDown ? 1 : 0);
  if (ends <= TOLERATED_ENDS) return null;
  const words = `the app ended ${ends} times since the release became healthy, last with exit code ${pod.ended.exitCode}`;
  const report = reports.get(pod.name);
  // Kubernetes ends an app that fails its probes, too: what they met is the cause then.
  const isCause = report?.lastResult === "status" || report?.lastResult === "timeout";
  return isCause ? `${words}; ${describeProbe(report)}` : words;
}

function wordsOfVerdict(pod: PodReport, { reports, now }: WatchFacts): string | null {
  const report = reports.get(pod.name);
  if (report === undefined || report.healthy || !report.proven) return null;
  if (report.verdictMs < CONFIRMED_MS) return null;
  const age = verdictAgeMs(report, now);
  return age < UNHEALTHY_MS ? null : `${describeProbe(report)}; unhealthy for ${seconds(age)}`;
}

/** Two watch every replica, by probes of their own. Where the cluster keeps one out of traffic, its passes are worth nothing. */
function wordsOfReadiness(pod: PodReport, facts: WatchFacts): string | null {
  const age = keptOutMs(pod, facts);
  if (age < facts.returnTimeoutMs) return null;
  return `Kubernetes has called it not ready for ${seconds(age)}, though probes of the sidecar pass: the health check answers now well and now badly, or only in part`;
}

/** For how long a replica has passed its probes and been called not ready all the same; 0 = it has not. */
function keptOutMs(pod: PodReport, { reports, now }: WatchFacts): number {
  const report = reports.get(pod.name);
  if (pod.ready || report?.healthy !== true) return 0;
  const unreadyMs = now - (pod.readyChangedAt?.getTime() ?? now);
  return Math.max(1, Math.min(verdictAgeMs(report, now), unreadyMs));
}

/**
 * For how long, at least, no replica has served: by its report, or by the cluster's word where none comes. 0 when one
 * serves, or when there is no pod to ask.
 */
function outageMs({ rollout, reports, now }: WatchFacts): number {
  const times = rollout.pods.map((pod) => {
    const report = reports.get(pod.name);
    if (report !== undefined) return report.healthy ? 0 : Math.max(1, verdictAgeMs(report, now));
    return pod.ready ? 0 : Math.max(1, now - (pod.readyChangedAt?.getTime() ?? now));
  });
  return times.length === 0 ? 0 : Math.min(...times);
}

/** A replica that was healthy fails its last probe. */
function isFailing(pod: PodReport, { reports }: WatchFacts): boolean {
  const report = reports.get(pod.name);
  return report !== undefined && report.proven && report.lastResult !== "ok";
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/**
 * Each look is a step of a workflow that is paid for; an hour of them stays far below the workflow's bound of 3600.
 * Short enough that a failing release is undone a moment after it is known.
 */
const LOOK_EVERY_MS = 2_000;
/** What fails when the window closes is settled after it; thresholds and intervals may be long, this is not. */
const LONGEST_OVERTIME_MS = 600_000;

/** Whether a release of this age is looked at at all. */
export function isWatched(ageMs: number, watchMs: number): boolean {
  return watchMs > 0 && ageMs <= watchMs + LONGEST_OVERTIME_MS;
}

/** When to look again, in seconds; null = the window is over. The last look inside it falls on its end. */
export function nextLookSeconds(
  kind: "well" | "doubtful",
  ageMs: number,
  watchMs: number,
): number | null {
  const left = (kind === "doubtful" ? watchMs + LONGEST_OVERTIME_MS : watchMs) - ageMs;
  return left <= 0 || watchMs === 0 ? null : Math.min(LOOK_EVERY_MS, Math.max(left, 100)) / 1000;
}
