import type { PodReport } from "@bifrost/shared/ports/cluster";
import { newPod } from "@bifrost/shared/testing/memory-cluster";
import { describe, expect, it } from "vitest";
import { readReports } from "../replica-report.ts";
import { replicaNote } from "../testing/replica-notes.ts";
import { decideWatch, isWatched, nextLookSeconds, type WatchFacts } from "./decide-watch.ts";

const NOW = 10_000_000;
const START_TIMEOUT_MS = 60_000;
const RETURN_TIMEOUT_MS = 11_000;

type Note = ReturnType<typeof replicaNote>;
type Changes = Parameters<typeof replicaNote>[2];

interface Case {
  readonly pods?: readonly PodReport[];
  readonly notes?: readonly Note[];
  readonly restartsBefore?: Readonly<Record<string, number>>;
}

function decide({ pods = [newPod()], notes = [], restartsBefore = {} }: Case) {
  const facts: WatchFacts = {
    rollout: { desired: pods.length, stalled: false, pods },
    reports: readReports(notes, NOW),
    restartsBefore: new Map(Object.entries(restartsBefore)),
    startTimeoutMs: START_TIMEOUT_MS,
    returnTimeoutMs: RETURN_TIMEOUT_MS,
    memoryLimit: "96Mi",
    now: NOW,
  };
  return decideWatch(facts);
}

const note = (changes: Changes = {}, pod = "app-1") => replicaNote(pod, NOW, changes);
const down = { consecutivePasses: 0, lastResult: "status", lastStatus: 500 } as const;
/** A verdict that has stood for so long. */
const unhealthy = (verdictMs: number, changes: Changes = {}, pod = "app-1") =>
  note({ ...down, healthy: false, verdictMs, ...changes }, pod);
const unproven = (verdictMs: number, pod = "app-1") => unhealthy(verdictMs, { proven: false }, pod);
const pod = (changes: Partial<PodReport> = {}) => newPod(changes);
const other = (changes: Partial<PodReport> = {}) => newPod({ name: "app-2", ...changes });
const ended = (exitCode: number, reason = "Error") => ({ ended: { exitCode, reason } });
const unready = (forMs: number) => ({ ready: false, readyChangedAt: new Date(NOW - forMs) });
const crashed = { running: false, ready: false, waiting: "CrashLoopBackOff", ...ended(3) };

describe("a watched release is well", () => {
  it.each<[string, Case]>([
    ["its replicas pass", { notes: [note()] }],
    [
      "it restarted only before it became healthy",
      {
        pods: [pod({ restarts: 1, ...ended(1) })],
        notes: [note()],
        restartsBefore: { "app-1": 1 },
      },
    ],
    [
      "its app ended once and came back",
      { pods: [pod({ restarts: 1, ...ended(1) })], notes: [note()] },
    ],
    [
      "a replica that was added has not started yet",
      {
        pods: [pod(), other()],
        notes: [note(), unproven(1e9, "app-2")],
      },
    ],
    [
      "a replica that was added does not report yet",
      { pods: [pod(), other(unready(1e9))], notes: [note()] },
    ],
    [
      "the collector is silent, but the cluster calls a replica ready",
      {
        pods: [pod(), other(unready(1e9))],
      },
    ],
    [
      "the last word of the collector was bad, but is past its time",
      {
        notes: [unhealthy(4_000, { receivedAt: new Date(NOW - 20_000), expireAt: new Date(NOW) })],
      },
    ],
    ["there is no pod to ask", { pods: [] }],
  ])("when %s", (_, facts) => {
    expect(decide(facts)).toEqual({ kind: "well" });
  });
});

describe("a watched release is doubtful", () => {
  it.each<[string, Case]>([
    ["a probe failed, not enough of them yet", { notes: [note({ ...down })] }],
    ["a replica has been unhealthy for a moment", { notes: [unhealthy(4_999)] }],
    [
      "a replica turned unhealthy and nothing was heard of it since",
      { notes: [unhealthy(999, { receivedAt: new Date(NOW - 14_000) })] },
    ],
    [
      "one of two has been unhealthy for a moment",
      {
        pods: [pod(), other()],
        notes: [note(), unhealthy(1, {}, "app-2")],
      },
    ],
    [
      "its app ended for the first time just now",
      { pods: [pod(crashed)], notes: [unhealthy(100)] },
    ],
    ["its only replica was replaced and starts", { notes: [unproven(START_TIMEOUT_MS - 1)] }],
    ["nobody reports and no replica is ready, for a short time", { pods: [pod(unready(59_999))] }],
    [
      "its replica passes, but is not called ready yet",
      { pods: [pod(unready(1e9))], notes: [note({ verdictMs: 10_999 })] },
    ],
    [
      "the cluster has kept one of two passing replicas out of traffic for a short time",
      {
        pods: [pod(), other(unready(10_999))],
        notes: [note(), note({ verdictMs: 1e9 }, "app-2")],
      },
    ],
    [
      "nobody reports and the cluster does not say since when none is ready",
      {
        pods: [pod({ ready: false })],
      },
    ],
  ])("when %s", (_, facts) => {
    expect(decide(facts)).toEqual({ kind: "doubtful" });
  });
});

describe("a watched release has failed", () => {
  it.each<[string, Case, string]>([
    [
      "a replica has been unhealthy for long enough",
      { notes: [unhealthy(5_000)] },
      "the health check answers with status 500; unhealthy for 5 s",
    ],
    [
      "it has been so since the last report",
      { notes: [unhealthy(2_000, { receivedAt: new Date(NOW - 3_000) })] },
      "the health check answers with status 500; unhealthy for 5 s",
    ],
    [
      "its answer says why",
      { notes: [unhealthy(7_400, { lastStatus: 503, lastBody: "db is down" })] },
      "the health check answers with status 503: “db is down”; unhealthy for 7 s",
    ],
    [
      "it hangs",
      { notes: [unhealthy(9_000, { lastResult: "timeout", lastStatus: null })] },
      "the health check does not answer in time; unhealthy for 9 s",
    ],
    [
      "its app ended twice",
      { pods: [pod({ ...crashed, restarts: 1 })], notes: [unhealthy(100)] },
      "the app ended 2 times since the release became healthy, last with exit code 3; the health check answers with status 500",
    ],
    [
      "its app ended twice and runs",
      { pods: [pod({ restarts: 3, ...ended(1) })], restartsBefore: { "app-1": 1 } },
      "the app ended 2 times since the release became healthy, last with exit code 1",
    ],
    [
      "it was out of memory once",
      { pods: [pod({ restarts: 1, ...ended(137, "OOMKilled") })], notes: [note()] },
      "the app was killed for using more memory than it may: 96Mi; raise [resources] memory in deploy.toml, or let it use less",
    ],
    [
      "its health check flaps, so that it never serves",
      { pods: [pod(unready(12_000))], notes: [note({ verdictMs: 30_000 })] },
      "Kubernetes has called it not ready for 12 s, though probes of the sidecar pass: the health check answers now well and now badly, or only in part",
    ],
    [
      "its replica was replaced and never starts",
      { notes: [unproven(START_TIMEOUT_MS)] },
      "no replica has been healthy for 60 s; the health check answers with status 500",
    ],
    [
      "nobody reports and no replica has been ready for as long as a start may take",
      { pods: [pod(unready(START_TIMEOUT_MS))] },
      "no replica has been healthy for 60 s; the cluster calls it not ready",
    ],
  ])("when %s", (_, facts, words) => {
    expect(decide(facts)).toEqual({ kind: "broken", pod: "app-1", words });
  });

  it.each<[string, PodReport, Note]>([
    ["unhealthy", other(), unhealthy(6_000, {}, "app-2")],
    ["kept out of traffic", other(unready(11_000)), note({ verdictMs: 1e9 }, "app-2")],
    ["out of memory", other(ended(137, "OOMKilled")), note({}, "app-2")],
  ])("when one of its replicas is %s, and it is named", (_, second, its) => {
    const verdict = decide({ pods: [pod(), second], notes: [note(), its] });
    expect(verdict).toMatchObject({ kind: "broken", pod: "app-2" });
  });
});

describe("the watch window", () => {
  it.each([
    [0, 60_000, true],
    [660_000, 60_000, true],
    [660_001, 60_000, false],
    [0, 0, false],
  ])("at the age of %i ms, of %i ms: looked at = %s", (age, watchMs, expected) => {
    expect(isWatched(age, watchMs)).toBe(expected);
  });

  it.each([
    ["well", 0, 60_000, 2],
    ["well", 59_000, 60_000, 1],
    ["well", 59_990, 60_000, 0.1],
    ["well", 60_000, 60_000, null],
    ["well", 0, 0, null],
    ["well", 0, 1, 0.1],
    ["doubtful", 60_000, 60_000, 2],
    ["doubtful", 660_000, 60_000, null],
    ["doubtful", 0, 0, null],
  ] as const)(
    "%s at the age of %i ms, of %i ms: next look after %s s",
    (kind, age, watchMs, next) => {
      expect(nextLookSeconds(kind, age, watchMs)).toBe(next);
    },
  );

  it("of any length is looked at in fewer rounds than the workflow has", () => {
    let age = 0;
    let rounds = 0;
    for (; ; rounds++) {
      const next = nextLookSeconds("doubtful", age, 3_600_000);
      if (next === null) break;
      age += next * 1000;
    }
    expect(rounds).toBeLessThan(3600);
  });
});
