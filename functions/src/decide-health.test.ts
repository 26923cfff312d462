import { newPod } from "@bifrost/shared/testing/memory-cluster";
import { describe, expect, it } from "vitest";
import { decideHealth } from "./decide-health.ts";
import { readReports } from "./replica-report.ts";
import { replicaNote } from "./testing/replica-notes.ts";

const NOW = 1_000_000;
const NEEDS = { minReplicas: 1, passes: 2 };

const pods = (...names: string[]) => names.map((name) => newPod({ name }));
const good = (pod: string) => replicaNote(pod, NOW);
type Changes = Parameters<typeof replicaNote>[2];
const bad = (lastResult: "status" | "refused" | "timeout" | "error", changes: Changes = {}) =>
  replicaNote("a", NOW, { lastResult, consecutivePasses: 0, lastStatus: null, ...changes });
const of = (...notes: readonly ReturnType<typeof replicaNote>[]) => readReports(notes, NOW);

describe("decideHealth", () => {
  it("is healthy once every replica passed often enough in a row", () => {
    const rollout = { desired: 2, stalled: false, pods: pods("a", "b") };
    const verdict = decideHealth(rollout, of(good("a"), good("b"), good("gone")), NEEDS);
    expect(verdict).toEqual({ kind: "healthy", replicas: 2 });
  });

  it.each([
    ["has not reported", [], "its sidecar does not report"],
    [
      "has fallen silent",
      [replicaNote("a", NOW - 15_000, { consecutivePasses: 9 })],
      "its sidecar does not report",
    ],
    [
      "passed once",
      [replicaNote("a", NOW, { consecutivePasses: 1 })],
      "the health check passed 1 of 2 times in a row",
    ],
    [
      "answers an error",
      [bad("status", { lastStatus: 503 })],
      "the health check answers with status 503",
    ],
    [
      "answers an error and says why",
      [bad("status", { lastStatus: 500, lastBody: ' {"status":"down"}\n' })],
      `the health check answers with status 500: “{"status":"down"}”`,
    ],
    ["does not listen", [bad("refused")], "nothing listens on the port in $PORT"],
    ["hangs", [bad("timeout")], "the health check does not answer in time"],
    [
      "breaks off",
      [bad("error")],
      "the health check's connection breaks off, or its answer is not HTTP",
    ],
    ["is another pod", [good("b")], "its sidecar does not report"],
  ])("waits for a replica that %s, and says so", (_, notes, words) => {
    const rollout = { desired: 1, stalled: false, pods: pods("a") };
    expect(decideHealth(rollout, of(...notes), NEEDS)).toEqual({
      kind: "waiting",
      pod: "a",
      words,
    });
  });

  it("asks for as many passes as the app's config does", () => {
    const rollout = { desired: 1, stalled: false, pods: pods("a") };
    const reports = of(good("a"));
    expect(decideHealth(rollout, reports, { ...NEEDS, passes: 1 }).kind).toBe("healthy");
    expect(decideHealth(rollout, reports, { ...NEEDS, passes: 3 })).toEqual({
      kind: "waiting",
      pod: "a",
      words: "the health check passed 2 of 3 times in a row",
    });
  });

  it.each([
    [2, 1],
    [1, 2],
  ])("waits until all replicas exist: %i asked for, at least %i", (desired, minReplicas) => {
    const rollout = { desired, stalled: false, pods: pods("a") };
    const verdict = decideHealth(rollout, of(good("a")), { ...NEEDS, minReplicas });
    expect(verdict).toEqual({ kind: "waiting", words: "1 of 2 replicas exist" });
  });

  it.each(["lastBody", "proven", "expireAt"])("does not trust a document without %s", (field) => {
    const { [field as "proven"]: _missing, ...note } = good("a");
    expect(readReports([note], NOW).size).toBe(0);
  });
});
