import { kubernetesTypeMaps } from "@bifrost/shared/cloud/kubernetes-type-maps";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { newPod } from "@bifrost/shared/testing/memory-cluster";
import { describe, expect, it } from "vitest";
import { createBuild } from "./build/handler.ts";
import { createDeploy } from "./deploy/handler.ts";
import { createFail } from "./fail/handler.ts";
import { createObserve } from "./observe/handler.ts";
import { createRetry } from "./retry/handler.ts";
import { replicaNote } from "./testing/replica-notes.ts";
import { DEPLOY_TOML, TestPlatform } from "./testing/test-platform.ts";
import { createVerify } from "./verify/handler.ts";

const imageDigest = `sha256:${"b".repeat(64)}` as NonNullable<Deployment["imageDigest"]>;

async function release(state: Deployment["state"], changes: Partial<Deployment> = {}) {
  const platform = new TestPlatform();
  const deployment = platform.deployment({ state, imageDigest, ...changes });
  await platform.snapshot(deployment);
  const ports = { ...platform.ports, typeMaps: kubernetesTypeMaps };
  return { platform, ports, id: deployment.id, call: { deploymentId: deployment.id, attempt: 1 } };
}

const RUNNING = { desired: 1, stalled: false, pods: [newPod()] };
const STARTING = { ...RUNNING, pods: [newPod({ running: false })] };
const CRASHED = {
  ...RUNNING,
  pods: [newPod({ restarts: 2, ended: { exitCode: 3, reason: "Error" } })],
};

describe("build", () => {
  it("keeps where the workflow waits before it moves on", async () => {
    const { platform, ports, id, call } = await release("validating", { imageDigest: null });
    const answer = await createBuild(ports)({ ...call, callback: "http://c.test/1" });
    expect(answer).toEqual({ state: "building", image: "building" });
    const note = await platform.deployments.readNote(id, "internal/build");
    expect(note?.value).toEqual({ attempt: 1, callback: "http://c.test/1" });
  });

  it("repeated keeps the build's id and takes the newer address", async () => {
    const { platform, ports, id, call } = await release("validating", { imageDigest: null });
    await createBuild(ports)({ ...call, callback: "http://c.test/1" });
    const note = { attempt: 1, buildId: "b1" };
    await platform.deployments.writeNote(id, "internal/build", note);
    await createBuild(ports)({ ...call, callback: "http://c.test/2" });
    const after = await platform.deployments.readNote(id, "internal/build");
    expect(after?.value).toEqual({ ...note, callback: "http://c.test/2" });
    expect(await platform.deployments.transitions(id)).toHaveLength(1);
  });

  it("says that there is nothing to wait for when the image is there", async () => {
    const { ports, call } = await release("validating");
    expect(await createBuild(ports)(call)).toEqual({ state: "building", image: "ready" });
  });
});

describe("deploy", () => {
  it("moves to deploying with the manifests' hash and applies them", async () => {
    const { platform, ports, id, call } = await release("built");
    expect(await createDeploy(ports)(call)).toEqual({ state: "deploying" });
    const stored = await platform.read(id);
    expect(stored.url).toBe("http://app.apps.test:8080");
    expect(stored.manifestsHash).toMatch(/[0-9a-f]{64}/);
    expect(platform.cluster.applied.map((object) => object.kind)).toContain("Deployment");
  });

  it("repeated applies the same objects and moves nothing", async () => {
    const { platform, ports, id, call } = await release("built");
    await createDeploy(ports)(call);
    const first = [...platform.cluster.applied];
    await createDeploy(ports)(call);
    expect(platform.cluster.applied).toEqual([...first, ...first]);
    expect(await platform.deployments.transitions(id)).toHaveLength(1);
  });

  it("applies nothing once the deployment is further on", async () => {
    const { platform, ports, call } = await release("running");
    expect(await createDeploy(ports)(call)).toEqual({ state: "running" });
    expect(platform.cluster.applied).toEqual([]);
  });

  it("takes its objects away again when the deployment failed while they were applied", async () => {
    const { platform, ports, id, call } = await release("built");
    platform.cluster.onApply = async () => {
      platform.deployment({ ...(await platform.read(id)), state: "failed" });
    };
    await createDeploy(ports)(call);
    expect(platform.cluster.removed).toEqual([id]);
  });

  it("is not ready without an image", async () => {
    const { ports, call } = await release("built", { imageDigest: null });
    await expect(createDeploy(ports)(call)).rejects.toMatchObject({ code: "not-ready" });
  });
});

describe("observe", () => {
  it("moves to running once the app's containers run", async () => {
    const { platform, ports, call } = await release("deploying");
    platform.cluster.reports = [null, STARTING, RUNNING];
    expect(await createObserve(ports)(call)).toEqual({ state: "running", outcome: "running" });
  });

  it("hands back to the workflow after some seconds without a verdict", async () => {
    const { platform, ports, call } = await release("deploying");
    platform.cluster.reports = [STARTING];
    const before = platform.timers.now();
    expect(await createObserve(ports)(call)).toMatchObject({ outcome: "waiting" });
    expect(platform.timers.now() - before).toBeLessThanOrEqual(8_000);
  });

  it("writes down why the app does not come up, with its last lines", async () => {
    const { platform, ports, id, call } = await release("deploying");
    platform.cluster.reports = [CRASHED];
    platform.cluster.lines = ["TypeError: no"];
    const answer = await createObserve(ports)(call);
    expect(answer).toMatchObject({
      state: "deploying",
      outcome: "failed",
      reason: "crash-at-start",
    });
    const note = await platform.deployments.readNote(id, "internal/observation");
    expect(note?.value).toEqual({
      attempt: 1,
      reason: "crash-at-start",
      details: [
        "app-1: the app ended with exit code 3, 3 times",
        "last lines of the app:",
        "  TypeError: no",
      ],
    });
  });

  it("answers a late repeat without looking at the cluster", async () => {
    const { platform, ports, call } = await release("healthy");
    platform.cluster.reports = [CRASHED];
    expect(await createObserve(ports)(call)).toEqual({ state: "healthy", outcome: "running" });
  });

  it("refuses a call for an earlier attempt", async () => {
    const { ports, call } = await release("deploying", { attempt: 2 });
    await expect(createObserve(ports)(call)).rejects.toMatchObject({ code: "stale-attempt" });
  });
});

describe("verify", () => {
  it("moves to healthy and turns the project's URL to the release", async () => {
    const { platform, ports, id, call } = await release("running");
    platform.cluster.reports = [RUNNING];
    platform.deployments.putReplicas(id, [replicaNote("app-1", platform.timers.now())]);
    const answer = { state: "healthy", outcome: "healthy", pollAfterSeconds: 2 };
    expect(await createVerify(ports)(call)).toEqual(answer);
    const project = await platform.projects.findBySlug("app");
    expect(project?.value).toMatchObject({ liveDeploymentId: id, liveNumber: 1 });
  });

  it("leaves the URL at a newer release that is live already", async () => {
    const { platform, ports, id, call } = await release("running");
    const newer = "depbbbbbbbbbbb" as Deployment["id"];
    platform.project({ liveDeploymentId: newer, liveNumber: 2 });
    platform.cluster.reports = [RUNNING];
    platform.deployments.putReplicas(id, [replicaNote("app-1", platform.timers.now())]);
    expect(await createVerify(ports)(call)).toMatchObject({ outcome: "healthy" });
    const project = await platform.projects.findBySlug("app");
    expect(project?.value).toMatchObject({ liveDeploymentId: newer, liveNumber: 2 });
  });

  it("waits while the health check has not passed, and fails with its words after the timeout", async () => {
    const { platform, ports, id, call } = await release("running");
    platform.cluster.reports = [RUNNING];
    platform.deployments.putReplicas(id, [
      replicaNote("app-1", platform.timers.now(), {
        consecutivePasses: 0,
        lastResult: "refused",
        expireAt: new Date(platform.timers.now() + 1e9),
      }),
    ]);
    const verify = createVerify(ports);
    expect(await verify(call)).toMatchObject({ state: "running", outcome: "waiting" });
    platform.timers.pass(platform.config.healthTimeoutSeconds * 1000);
    expect(await verify(call)).toMatchObject({ outcome: "failed", reason: "never-healthy" });
    const note = await platform.deployments.readNote(id, "internal/observation");
    expect(String(note?.value["details"])).toMatch(
      /^app-1: after \d+ s, nothing listens on the port/,
    );
  });

  it.each([
    ["crash-at-start", { restarts: 2, ended: { exitCode: 1, reason: "Error" } }],
    ["out-of-memory", { ended: { exitCode: 137, reason: "OOMKilled" } }],
  ])("fails at once with %s when the app does not stay up", async (reason, pod) => {
    const { platform, ports, id, call } = await release("running");
    platform.cluster.reports = [{ ...RUNNING, pods: [newPod(pod)] }];
    platform.deployments.putReplicas(id, [replicaNote("app-1", platform.timers.now())]);
    expect(await createVerify(ports)(call)).toMatchObject({ outcome: "failed", reason });
  });

  it("does not trust a replica document that is not one", async () => {
    const { platform, ports, id, call } = await release("running");
    platform.cluster.reports = [RUNNING];
    platform.deployments.putReplicas(id, [{ pod: "app-1", consecutivePasses: "2" }]);
    expect(await createVerify(ports)(call)).toMatchObject({ outcome: "waiting" });
  });

  it("asks for as many passes as deploy.toml does", async () => {
    const { platform, ports, id, call } = await release("running");
    const thresholds = `${DEPLOY_TOML}[health]\nsuccess_threshold = 3\n`;
    await platform.snapshot(await platform.read(id), thresholds);
    platform.cluster.reports = [RUNNING];
    const report = (consecutivePasses: number) =>
      replicaNote("app-1", platform.timers.now(), { consecutivePasses });
    platform.deployments.putReplicas(id, [report(2)]);
    expect(await createVerify(ports)(call)).toMatchObject({ outcome: "waiting" });
    platform.deployments.putReplicas(id, [report(3)]);
    expect(await createVerify(ports)(call)).toMatchObject({ outcome: "healthy" });
  });

  it("repeated for a release that another one replaced answers healthy", async () => {
    const { ports, call } = await release("healthy");
    expect(await createVerify(ports)(call)).toEqual({ state: "healthy", outcome: "healthy" });
  });
});

describe("fail", () => {
  it("stops build and replicas, and records why", async () => {
    const { platform, ports, id, call } = await release("deploying");
    platform.images.put({ id: "b1", deploymentId: id, attempt: 1 });
    await platform.deployments.writeNote(id, "internal/build", { attempt: 1, buildId: "b1" });
    expect(await createFail(ports)({ ...call, reason: "cancelled" })).toEqual({ state: "failed" });
    expect(platform.images.builds.get("b1")?.status).toBe("cancelled");
    expect(platform.cluster.removed).toContain(id);
    expect((await platform.read(id)).failure).toMatchObject({
      code: "cancelled",
      state: "deploying",
    });
    const [transition] = await platform.deployments.transitions(id);
    expect(transition).toMatchObject({ to: "failed", by: "fail", why: "cancelled" });
  });

  it("of a deployment that was never validated leaves the cluster alone", async () => {
    const platform = new TestPlatform();
    const { id: deploymentId } = platform.deployment();
    await createFail(platform.ports)({ deploymentId, attempt: 1, reason: "superseded" });
    expect(platform.cluster.removed).toEqual([]);
  });

  it("repeated keeps the first cause", async () => {
    const { platform, ports, id, call } = await release("queued");
    const fail = createFail(ports);
    await fail({ ...call, reason: "cancelled" });
    expect(await fail({ ...call, reason: "platform-error" })).toEqual({ state: "failed" });
    expect((await platform.read(id)).failure?.code).toBe("cancelled");
  });

  it("for an earlier attempt neither stops nor fails the present one", async () => {
    const { platform, ports, id, call } = await release("running", { attempt: 2 });
    await expect(createFail(ports)(call)).rejects.toMatchObject({ code: "stale-attempt" });
    expect(platform.cluster.removed).toEqual([]);
    expect((await platform.read(id)).state).toBe("running");
  });
});

describe("fail of a healthy release", () => {
  it.each(["platform-error", "deadline-exceeded", "cancelled", "superseded", undefined])(
    "for %s is refused and ends nothing",
    async (reason) => {
      const { platform, ports, id, call } = await release("healthy");
      const failed = createFail(ports)(reason === undefined ? call : { ...call, reason });
      await expect(failed).rejects.toMatchObject({ code: "illegal-move" });
      expect(platform.cluster.removed).toEqual([]);
      expect((await platform.read(id)).state).toBe("healthy");
    },
  );
});

it("fail leaves a release alone that verify calls healthy at the same moment", async () => {
  const { platform, ports, id, call } = await release("running");
  const lastLogs = platform.deployments.lastLogs.bind(platform.deployments);
  platform.deployments.lastLogs = async (...args) => {
    platform.deployment({ ...(await platform.read(id)), state: "healthy" });
    return lastLogs(...args);
  };
  const failed = createFail(ports)({ ...call, reason: "cancelled" });
  await expect(failed).rejects.toMatchObject({ code: "illegal-move" });
  expect(platform.cluster.removed).toEqual([]);
  expect((await platform.read(id)).state).toBe("healthy");
});

describe("retry", () => {
  it("puts a failed deployment back into the queue as a new attempt, its image kept", async () => {
    const { platform, ports, id, call } = await release("failed");
    expect(await createRetry(ports)(call)).toEqual({ state: "queued", attempt: 2 });
    expect(await platform.read(id)).toMatchObject({ failure: null, imageDigest });
  });

  it("repeated makes no third attempt", async () => {
    const { ports, call } = await release("failed");
    const retry = createRetry(ports);
    const first = await retry(call);
    expect(await retry(call)).toEqual(first);
  });

  it("is refused for what has not failed", async () => {
    const { ports, call } = await release("healthy");
    await expect(createRetry(ports)(call)).rejects.toMatchObject({ code: "illegal-move" });
  });
});
