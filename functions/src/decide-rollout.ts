/** What the cluster's report about a release means. Pure; shared by observe and verify. */
import type { FailureCode } from "@bifrost/shared/domain/failure";
import type { PodReport, Rollout } from "@bifrost/shared/ports/cluster";

export type RolloutVerdict =
  | { readonly kind: "running" }
  | { readonly kind: "starting" }
  | {
      readonly kind: "broken";
      readonly code: FailureCode;
      readonly pod: string;
      readonly words: string;
    };

/** An app that ended this often will not come up by itself. */
const TOLERATED_RESTARTS = 1;
const OOM_REASON = "OOMKilled";
/** Exit codes by which probes' kills show: SIGKILL and SIGTERM. */
const KILLED_EXIT_CODES = [137, 143];

export function decideRollout(rollout: Rollout): RolloutVerdict {
  for (const pod of rollout.pods) {
    const verdict = brokenPod(pod);
    if (verdict !== null) return verdict;
  }
  const running = rollout.pods.filter((pod) => pod.running).length;
  if (running > 0 && running >= rollout.desired) return { kind: "running" };
  if (rollout.stalled) {
    const pod = rollout.pods.at(0)?.name ?? "";
    return {
      kind: "broken",
      code: "never-healthy",
      pod,
      words: "the cluster gave up waiting for the replicas",
    };
  }
  return { kind: "starting" };
}

function brokenPod(pod: PodReport): RolloutVerdict | null {
  if (pod.ended?.reason === OOM_REASON) {
    return {
      kind: "broken",
      code: "out-of-memory",
      pod: pod.name,
      words: "killed for using more memory than it may",
    };
  }
  if (pod.waiting === "ErrImagePull" || pod.waiting === "ImagePullBackOff") {
    return {
      kind: "broken",
      code: "platform-error",
      pod: pod.name,
      words: "its image could not be pulled",
    };
  }
  const looping = pod.waiting === "CrashLoopBackOff" || pod.restarts > TOLERATED_RESTARTS;
  if (!looping || pod.ended === null) return null;
  if (KILLED_EXIT_CODES.includes(pod.ended.exitCode)) {
    const words = "restarted because its health check did not pass in time";
    return { kind: "broken", code: "never-healthy", pod: pod.name, words };
  }
  const times = `${pod.restarts + 1} time${pod.restarts === 0 ? "" : "s"}`;
  return {
    kind: "broken",
    code: "crash-at-start",
    pod: pod.name,
    words: `the app ended with exit code ${pod.ended.exitCode}, ${times}`,
  };
}
