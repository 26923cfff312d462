import { newDeployment, newProject, newRoute } from "@bifrost/shared/testing/fixtures";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { newFailure } from "@bifrost/shared/domain/failure";
import { ALL_STATES, STATES } from "@bifrost/shared/domain/lifecycle";
import { describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/test-platform.ts";
import { decideReap, isRetirable, needsExecution } from "./decide-reap.ts";
import { createReap } from "./handler.ts";

const since = newDeployment().stateSince.getTime();
const TEN_MINUTES_MS = 600_000;
const HOUR_MS = 3_600_000;
const succession = { since, watchMs: 60_000, isFailed: false };
const OTHER = "depbbbbbbbbbbb" as Deployment["id"];

describe("decideReap", () => {
  const held = { attempt: 1, execution: "e1", released: false };

  it.each(ALL_STATES)("lets %s end at its deadline in the table and not before", (state) => {
    const { deadlineMs } = STATES[state];
    const deployment = newDeployment({ state });
    const at = (age: number) => decideReap(deployment, held, since + age);
    const late = deadlineMs === null ? 1e12 : deadlineMs + 1;
    expect(at(late)).toBe(deadlineMs === null ? "leave" : "expire");
    expect(at(deadlineMs ?? 0)).toBe(deadlineMs === null ? "leave" : "check-execution");
  });

  it.each([
    ["just queued, no execution yet", null, 10_000, "leave"],
    ["queued for a while, no execution", null, 10_001, "start"],
    ["an execution of an earlier attempt", { ...held, attempt: 0 }, 10_001, "start"],
    ["an execution that was found lost", { ...held, released: true }, 10_001, "start"],
    ["an execution that holds it", held, 10_001, "check-execution"],
  ] as const)("%s: %o after %i ms → %s", (_, claim, age, decision) => {
    expect(decideReap(newDeployment(), claim, since + age)).toBe(decision);
  });
});

describe("isRetirable", () => {
  const live = { liveDeploymentId: OTHER, liveNumber: 2 };

  it.each([
    ["its deployment is gone", null, live, true],
    ["its project is gone", newDeployment({ state: "healthy" }), null, true],
    ["it failed", newDeployment({ state: "failed" }), live, true],
    ["it is still on its way", newDeployment({ state: "running" }), live, false],
    ["it is live itself", newDeployment({ state: "healthy", id: OTHER }), live, false],
    ["a newer one is live", newDeployment({ state: "healthy" }), live, true],
    ["it is newer than the live one", newDeployment({ state: "healthy", number: 3 }), live, false],
    [
      "nothing is live",
      newDeployment({ state: "healthy" }),
      { liveDeploymentId: null, liveNumber: 0 },
      false,
    ],
  ])("when %s", (_, deployment, project, retirable) => {
    expect(isRetirable(deployment, project, succession, since + 60_001)).toBe(retirable);
  });

  it.each([
    ["the watch window of the new one", 60_000, 60_000],
    ["half a minute at least, for requests under way", 0, 30_000],
    ["ten minutes at most", 3_600_000, TEN_MINUTES_MS],
  ])("keeps a replaced release for %s", (_, watchMs, kept) => {
    const replaced = newDeployment({ state: "healthy" });
    const at = (age: number) =>
      isRetirable(replaced, live, { since, watchMs, isFailed: false }, since + age);
    expect([at(kept), at(kept + 1)]).toEqual([false, true]);
    expect(isRetirable(replaced, live, null, since + kept + 1)).toBe(false);
  });

  it("keeps a replaced release for as long as the one that replaced it has failed", () => {
    const failed = { ...succession, isFailed: true };
    const replaced = newDeployment({ state: "healthy" });
    expect(isRetirable(replaced, live, failed, since + 1e12)).toBe(false);
  });
});

const UNDONE = newFailure("unhealthy-after-release", "healthy", []);

describe("a release that failed in its watch window", () => {
  const undone = newDeployment({ state: "failed", failure: UNDONE });
  const itself = { liveDeploymentId: undone.id, liveNumber: 1 };

  it.each([
    ["keeps its replicas while the URL is its own", itself, 0, false],
    ["keeps them however long that is", itself, 1e12, false],
    ["loses them once another release serves", { ...itself, liveDeploymentId: OTHER }, 0, true],
  ])("%s", (_, live, age, retirable) => {
    expect(isRetirable(undone, live, succession, since + age)).toBe(retirable);
  });

  it.each(["crash-at-start", "cancelled"] as const)("differs from one of %s", (code) => {
    const failed = newDeployment({ state: "failed", failure: newFailure(code, "running", []) });
    expect(isRetirable(failed, itself, succession, since)).toBe(true);
    expect(needsExecution(failed, itself, 60_000, since)).toBe(false);
  });
});

describe("needsExecution", () => {
  const healthy = newDeployment({ state: "healthy" });
  const undone = newDeployment({ state: "failed", failure: UNDONE });

  it.each([
    ["a live release in its window", healthy, healthy.id, 59_999, true],
    ["a live release after it", healthy, healthy.id, 60_000, false],
    ["a release that was replaced", healthy, OTHER, 0, false],
    ["one that failed in its window and has no successor", undone, undone.id, 1e5, true],
    ["one whose successor failed late", undone, undone.id, HOUR_MS, true],
    ["one that has had none for long", undone, undone.id, HOUR_MS + 1, false],
    ["one that has one", undone, OTHER, 0, false],
  ])("of %s", (_, deployment, liveDeploymentId, age, expected) => {
    const live = { liveDeploymentId, liveNumber: 1 };
    expect(needsExecution(deployment, live, 60_000, since + age)).toBe(expected);
  });
});

describe("reap", () => {
  it.each<[string, Partial<Deployment>]>([
    ["watches a live release again", { state: "healthy" }],
    ["sees to it that one is undone", { state: "failed", failure: UNDONE }],
  ])("%s when its execution was lost, and not while it runs", async (_, changes) => {
    const platform = new TestPlatform();
    platform.deployment({ id: OTHER, state: "healthy" });
    const release = platform.deployment({ number: 2, ...changes });
    const { id } = release;
    platform.project({ liveDeploymentId: id, liveNumber: 2, nextNumber: 3 });
    await platform.snapshot(release);
    const claim = { attempt: 1, execution: "e1", released: false };
    await platform.deployments.writeNote(id, "internal/execution", claim);
    platform.cluster.running = [{ deploymentId: id, namespace: "app-app" }];
    platform.runningExecutions.add("e1");
    const reap = createReap(platform.ports);
    expect(await reap()).toMatchObject({ resumed: 0, retired: 0 });
    platform.runningExecutions.delete("e1");
    expect(await reap()).toMatchObject({ resumed: 1, retired: 0 });
    expect(platform.started).toEqual([
      { workflow: "deployment", args: { deploymentId: id, attempt: 1 } },
    ]);
    const note = await platform.deployments.readNote(id, "internal/execution");
    expect(note?.value).toEqual({ ...claim, released: true });
    platform.timers.pass(3_600_001);
    expect(await reap()).toMatchObject({ resumed: 0, retired: 0 });
  });

  it("leaves a failed release and its replicas alone when nothing can follow it", async () => {
    const platform = new TestPlatform();
    const release = platform.deployment({ state: "failed", failure: UNDONE });
    const { id } = release;
    platform.project({ liveDeploymentId: id, liveNumber: 1 });
    await platform.snapshot(release);
    const claim = { attempt: 1, execution: "lost", released: false };
    await platform.deployments.writeNote(id, "internal/execution", claim);
    platform.cluster.running = [{ deploymentId: id, namespace: "app-app" }];
    expect(await createReap(platform.ports)()).toMatchObject({ resumed: 0, retired: 0 });
    expect(platform.started).toEqual([]);
  });

  it("cancels what is past its deadline", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment({ state: "validating" });
    platform.timers.pass(STATES.validating.deadlineMs + 1);
    expect(await createReap(platform.ports)()).toMatchObject({ expired: 1 });
    const args = { deploymentId: id, attempt: 1, reason: "deadline-exceeded" };
    expect(platform.started).toEqual([{ workflow: "cancel", args }]);
  });

  it("starts again what its execution left behind, so that the new one can claim it", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment({ state: "building" });
    const claim = { attempt: 1, execution: "lost", released: false };
    await platform.deployments.writeNote(id, "internal/execution", claim);
    expect(await createReap(platform.ports)()).toMatchObject({ restarted: 1 });
    const note = await platform.deployments.readNote(id, "internal/execution");
    expect(note?.value).toEqual({ ...claim, released: true });
    expect(platform.started).toMatchObject([{ workflow: "deployment" }]);
  });

  it("leaves alone what its execution works on", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment({ state: "building" });
    const claim = { attempt: 1, execution: "alive", released: false };
    await platform.deployments.writeNote(id, "internal/execution", claim);
    platform.runningExecutions.add("alive");
    expect(await createReap(platform.ports)()).toMatchObject({ restarted: 0, expired: 0, open: 1 });
    expect(platform.started).toEqual([]);
  });

  it("goes on with the others when one deployment cannot be tended", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment({ state: "queued" });
    platform.deployment({ id: "depbbbbbbbbbbb" as typeof id, number: 2, state: "queued" });
    platform.timers.pass(20_000);
    const workflows = await platform.ports.workflows();
    let calls = 0;
    const flaky = {
      ...workflows,
      start: async (...args: Parameters<typeof workflows.start>) => {
        if (calls++ === 0) throw new Error("no answer");
        return workflows.start(...args);
      },
    };
    const ports = { ...platform.ports, workflows: async () => flaky };
    expect(await createReap(ports)()).toMatchObject({ open: 2, restarted: 1 });
  });

  it("goes on with the others when the replicas of one cannot be tended", async () => {
    const platform = new TestPlatform();
    const broken = platform.deployment({ state: "healthy" });
    platform.project({ liveDeploymentId: broken.id, liveNumber: 1 });
    await platform.deployments.writeNote(broken.id, "snapshot/config", { config: "?" });
    const namespace = "app-app";
    platform.cluster.running = [
      { deploymentId: broken.id, namespace },
      { deploymentId: "nobody-knows-it", namespace },
    ];
    expect(await createReap(platform.ports)()).toMatchObject({ retired: 1 });
    expect(platform.cluster.removed).toEqual(["nobody-knows-it"]);
  });

  it("removes the replicas of a replaced release and notes when", async () => {
    const platform = new TestPlatform();
    const old = platform.deployment({ state: "healthy" });
    const live = platform.deployment({
      id: "depbbbbbbbbbbb" as typeof old.id,
      number: 2,
      state: "healthy",
    });
    platform.projects.put(newProject({ liveDeploymentId: live.id, liveNumber: 2 }));
    const namespace = "app-app";
    platform.cluster.running = [
      { deploymentId: old.id, namespace },
      { deploymentId: live.id, namespace },
      { deploymentId: "nobody-knows-it", namespace },
    ];
    platform.timers.pass(30_001);
    expect(await createReap(platform.ports)()).toMatchObject({ retired: 2 });
    expect(platform.cluster.removed).toEqual([old.id, "nobody-knows-it"]);
    expect((await platform.read(old.id)).retiredAt).toEqual(new Date(platform.timers.now()));
    expect((await platform.read(live.id)).retiredAt).toBeNull();
  });

  it.each([
    ["a split of the host", { targets: [{ deploymentId: "depaaaaaaaaaaa", weight: 1 }] }],
    [
      "one below a path",
      { paths: [{ prefix: "/x", targets: [{ deploymentId: "depaaaaaaaaaaa", weight: 0 }] }] },
    ],
  ])("keeps the replicas of a replaced release that %s names", async (_, route) => {
    const platform = new TestPlatform();
    const old = platform.deployment({ state: "healthy" });
    const live = platform.deployment({ id: OTHER, number: 2, state: "healthy" });
    platform.projects.put(newProject({ liveDeploymentId: live.id, liveNumber: 2 }));
    platform.cluster.running = [{ deploymentId: old.id, namespace: "app-app" }];
    const host = "app.apps.test";
    await platform.routes.create(newRoute({ host, projectId: old.projectId, ...route }));
    platform.timers.pass(30_001);
    expect(await createReap(platform.ports)()).toMatchObject({ retired: 0 });
    platform.routes.drop(host);
    expect(await createReap(platform.ports)()).toMatchObject({ retired: 1 });
  });
});
