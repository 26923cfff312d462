import type { V1PodStatus } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { isLeaving } from "./kubernetes-pod-report.ts";

const condition = (type: string, status: string) => ({ conditions: [{ type, status }] });

test.each<[string, V1PodStatus, boolean]>([
  ["runs", { phase: "Running", ...condition("Ready", "True") }, false],
  ["is not ready", { phase: "Running", ...condition("Ready", "False") }, false],
  ["waits for its image", { phase: "Pending" }, false],
  ["was evicted, and stays as a record of it", { phase: "Failed", reason: "Evicted" }, true],
  ["is being evicted", { phase: "Running", ...condition("DisruptionTarget", "True") }, true],
  ["was spared", { phase: "Running", ...condition("DisruptionTarget", "False") }, false],
])("a pod that %s", (_what, status, leaving) => {
  expect(isLeaving({ status })).toBe(leaving);
});

test("a pod that is deleted is leaving while it still runs", () => {
  const metadata = { deletionTimestamp: new Date(0) };
  expect(isLeaving({ metadata, status: { phase: "Running" } })).toBe(true);
});
