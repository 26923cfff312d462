import type { Rollout } from "@bifrost/shared/ports/cluster";
import { newPod } from "@bifrost/shared/testing/memory-cluster";
import { describe, expect, it } from "vitest";
import { decideRollout } from "./decide-rollout.ts";

const rollout = (changes: Partial<Rollout>): Rollout => ({
  desired: 1,
  stalled: false,
  pods: [newPod()],
  ...changes,
});
const idle = { running: false, ready: false };
const end = (exitCode: number, reason = "Error") => ({ exitCode, reason });

describe("decideRollout", () => {
  it.each<[string, Partial<Rollout>, object]>([
    ["every replica runs", {}, { kind: "running" }],
    ["one of two runs", { desired: 2 }, { kind: "starting" }],
    ["no pod exists yet", { pods: [] }, { kind: "starting" }],
    ["nothing was asked for and nothing runs", { desired: 0, pods: [] }, { kind: "starting" }],
    [
      "a container is being created",
      { pods: [newPod({ ...idle, waiting: "ContainerCreating" })] },
      { kind: "starting" },
    ],
    [
      "an app ended once and is tried again",
      { pods: [newPod({ restarts: 1, ended: end(1) })] },
      { kind: "running" },
    ],
    [
      "an app ended twice",
      { pods: [newPod({ restarts: 2, ended: end(3) })] },
      { kind: "broken", code: "crash-at-start", words: "the app ended with exit code 3, 3 times" },
    ],
    [
      "an app ended and its restart is put off",
      { pods: [newPod({ ...idle, waiting: "CrashLoopBackOff", ended: end(1) })] },
      { kind: "broken", code: "crash-at-start", words: "the app ended with exit code 1, 1 time" },
    ],
    [
      "an app ends without an error",
      {
        pods: [
          newPod({ ...idle, waiting: "CrashLoopBackOff", restarts: 2, ended: end(0, "Completed") }),
        ],
      },
      { kind: "broken", code: "crash-at-start" },
    ],
    [
      "an app took too much memory, even once",
      { pods: [newPod({ ended: end(137, "OOMKilled") })] },
      { kind: "broken", code: "out-of-memory" },
    ],
    [
      "a probe killed the app again and again",
      { pods: [newPod({ restarts: 2, ended: end(137) })] },
      { kind: "broken", code: "never-healthy" },
    ],
    [
      "a probe ended the app again and again",
      { pods: [newPod({ restarts: 2, ended: end(143) })] },
      { kind: "broken", code: "never-healthy" },
    ],
    [
      "the image cannot be pulled",
      { pods: [newPod({ ...idle, waiting: "ErrImagePull" })] },
      { kind: "broken", code: "platform-error" },
    ],
    [
      "the image still cannot be pulled",
      { pods: [newPod({ ...idle, waiting: "ImagePullBackOff" })] },
      { kind: "broken", code: "platform-error" },
    ],
    [
      "the cluster gave up",
      { stalled: true, pods: [newPod(idle)] },
      { kind: "broken", code: "never-healthy", pod: "app-1" },
    ],
    ["the cluster gave up without a pod", { stalled: true, pods: [] }, { kind: "broken", pod: "" }],
    [
      "one replica of two is broken",
      { desired: 2, pods: [newPod(), newPod({ name: "app-2", ended: end(1, "OOMKilled") })] },
      { kind: "broken", pod: "app-2" },
    ],
  ])("when %s", (_, changes, verdict) => {
    expect(decideRollout(rollout(changes))).toMatchObject(verdict);
  });
});
