import { newPod } from "@bifrost/shared/testing/memory-cluster";
import { describe, expect, it } from "vitest";
import { NEEDED_PASSES } from "@bifrost/shared/domain/replica";
import { decideHealth } from "./decide-health.ts";

const pods = (...names: string[]) => names.map((name) => newPod({ name }));
const report = (pod: string, lastResult: string, consecutivePasses = 0, lastStatus = 200) => ({
  pod,
  lastResult,
  consecutivePasses,
  lastStatus,
});
const good = (pod: string) => report(pod, "ok", NEEDED_PASSES);

describe("decideHealth", () => {
  it("is healthy once every replica passed often enough in a row", () => {
    const rollout = { desired: 2, stalled: false, pods: pods("a", "b") };
    const verdict = decideHealth(rollout, [good("a"), good("b"), good("gone")], 1);
    expect(verdict).toEqual({ kind: "healthy", replicas: 2 });
  });

  it.each([
    ["has not reported", [], "a: its sidecar has not reported yet"],
    ["passed once", [report("a", "ok", 1)], "a: the health check passed 1 of 2 times in a row"],
    [
      "answers an error",
      [report("a", "status", 0, 503)],
      "a: the health check answers with status 503",
    ],
    ["does not listen", [report("a", "refused")], "a: nothing listens on the port in $PORT"],
    ["hangs", [report("a", "timeout")], "a: the health check does not answer in time"],
    ["breaks off", [report("a", "error")], "a: the health check fails"],
    ["is another pod", [good("b")], "a: its sidecar has not reported yet"],
  ])("waits for a replica that %s, and says so", (_, reports, words) => {
    const rollout = { desired: 1, stalled: false, pods: pods("a") };
    expect(decideHealth(rollout, reports, 1)).toEqual({ kind: "waiting", words });
  });

  it.each([
    [2, 1],
    [1, 2],
  ])("waits until all replicas exist: %i asked for, at least %i", (desired, minReplicas) => {
    const rollout = { desired, stalled: false, pods: pods("a") };
    const verdict = decideHealth(rollout, [good("a")], minReplicas);
    expect(verdict).toEqual({ kind: "waiting", words: "1 of 2 replicas exist" });
  });
});
