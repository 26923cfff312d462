import type { Deployment } from "@bifrost/shared/domain/deployment";
import { newPod } from "@bifrost/shared/testing/memory-cluster";
import { describe, expect, it } from "vitest";
import { replicaNote } from "../testing/replica-notes.ts";
import { DEPLOY_TOML, TestPlatform } from "../testing/test-platform.ts";
import { createVerify } from "./handler.ts";

const HEALTHY = { state: "healthy", outcome: "healthy" };

/** A live release of this age, and its one replica. */
async function watched(ageMs: number, watch = "60s") {
  const platform = new TestPlatform();
  const since = new Date(platform.timers.now() - ageMs);
  const deployment = platform.deployment({ state: "healthy", stateSince: since });
  const { id } = deployment;
  platform.project({ liveDeploymentId: id, liveNumber: 1 });
  await platform.snapshot(deployment, `${DEPLOY_TOML}[health]\nwatch = "${watch}"\n`);
  platform.cluster.reports = [{ desired: 1, stalled: false, pods: [newPod()] }];
  const report = (changes: Parameters<typeof replicaNote>[2] = {}) =>
    platform.deployments.putReplicas(id, [replicaNote("app-1", platform.timers.now(), changes)]);
  report();
  const look = () => createVerify(platform.ports)({ deploymentId: id, attempt: 1 });
  return { platform, id, report, look };
}

const unhealthy = {
  healthy: false,
  consecutivePasses: 0,
  lastResult: "status",
  lastStatus: 500,
  lastBody: "db is down",
} as const;

describe("verify of a release in its watch window", () => {
  it("looks once and says when to look again", async () => {
    const { platform, look } = await watched(10_000);
    const before = platform.timers.now();
    expect(await look()).toEqual({ ...HEALTHY, pollAfterSeconds: 2 });
    expect(platform.timers.now()).toBe(before);
  });

  it("fails it with the cause in words, the app's last lines included", async () => {
    const { platform, id, report, look } = await watched(10_000);
    platform.cluster.lines = ["Error: no route to db"];
    report({ ...unhealthy, verdictMs: 6_000 });
    const reason = "unhealthy-after-release";
    expect(await look()).toEqual({ state: "healthy", outcome: "failed", reason });
    const note = await platform.deployments.readNote(id, "internal/observation");
    expect(note?.value).toEqual({
      attempt: 1,
      reason,
      details: [
        "app-1: the health check answers with status 500: “db is down”; unhealthy for 6 s",
        "last lines of the app:",
        "  Error: no route to db",
      ],
    });
  });

  it("counts only the restarts since it became healthy", async () => {
    const { platform, id, look } = await watched(10_000);
    const restarted = (restarts: number) => {
      const pod = newPod({ restarts, ended: { exitCode: 9, reason: "Error" } });
      platform.cluster.reports = [{ desired: 1, stalled: false, pods: [pod] }];
      platform.deployments.putReplicas(id, [replicaNote("app-1", platform.timers.now())]);
    };
    platform.deployment({ ...(await platform.read(id)), state: "running" });
    restarted(1);
    await look();
    platform.timers.pass(1_000);
    expect(await look()).toMatchObject({ outcome: "healthy", pollAfterSeconds: 2 });
    restarted(2);
    expect(await look()).toMatchObject({ outcome: "healthy", pollAfterSeconds: 2 });
    restarted(3);
    expect(await look()).toMatchObject({ outcome: "failed" });
  });

  it("settles what fails when the window closes", async () => {
    const { platform, report, look } = await watched(60_000);
    report({ ...unhealthy, verdictMs: 1_000 });
    expect(await look()).toEqual({ ...HEALTHY, pollAfterSeconds: 2 });
    platform.timers.pass(4_000);
    expect(await look()).toMatchObject({ outcome: "failed" });
  });

  it.each<[string, Parameters<typeof watched>, Partial<Deployment> | null]>([
    ["when its window is over", [60_000], null],
    ["at once when there is no window", [0, "0s"], null],
    ["long after", [7_200_000], null],
    ["when another release took over", [10_000], { id: "depbbbbbbbbbbb" as never }],
  ])("ends %s, however the release is", async (_, release, newer) => {
    const { platform, report, look } = await watched(...release);
    if (newer?.id !== undefined) platform.project({ liveDeploymentId: newer.id, liveNumber: 2 });
    report(_ === "when its window is over" ? {} : { ...unhealthy, verdictMs: 60_000 });
    expect(await look()).toEqual(HEALTHY);
  });

  it("fails nothing because its workload is not there", async () => {
    const { platform, look } = await watched(10_000);
    platform.cluster.reports = [null];
    expect(await look()).toMatchObject({ outcome: "healthy", pollAfterSeconds: 2 });
  });
});
