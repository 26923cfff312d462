import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { newFailure } from "@bifrost/shared/domain/failure";
import { describe, expect, it } from "vitest";
import { createFail } from "../fail/handler.ts";
import { DEPLOY_TOML, TestPlatform } from "../testing/test-platform.ts";
import { createRestore } from "./handler.ts";

const REASON = "unhealthy-after-release";
const NOTHING = { restored: null };

/** Release 1 was healthy, release 2 is live and about to fail in its watch window. */
async function undone(config = "", changes: Partial<Deployment> = {}) {
  const platform = new TestPlatform();
  const old = platform.deployment({ state: "healthy", branch: "trunk" });
  const id = "depbbbbbbbbbbb" as Deployment["id"];
  const bad = platform.deployment({ id, number: 2, state: "healthy", ...changes });
  platform.project({ liveDeploymentId: id, liveNumber: 2, nextNumber: 3 });
  await platform.snapshot(bad, `${DEPLOY_TOML}${config}`);
  const call = { deploymentId: id, attempt: 1 };
  const fail = () => createFail(platform.ports)({ ...call, reason: REASON });
  const restore = () => createRestore(platform.ports)(call);
  const all = () => platform.deployments.listByProject(bad.projectId, { limit: 10 });
  return { platform, old, bad, fail, restore, all };
}

describe("a release that fails in its watch window", () => {
  it("keeps its replicas, and says what takes its place", async () => {
    const { platform, bad, fail } = await undone();
    expect(await fail()).toEqual({ state: "failed" });
    expect(platform.cluster.removed).toEqual([]);
    const { failure } = await platform.read(bad.id);
    expect(failure).toMatchObject({ code: REASON, state: "healthy" });
    expect(failure?.details.at(-1)).toMatch(/^Deployment 1, .* is deployed again/);
  });

  it("has the release before deployed again, as a new deployment of its own", async () => {
    const { platform, old, fail, restore, all } = await undone();
    await fail();
    const { restored } = await restore();
    const [newest] = await all();
    expect(newest).toMatchObject({
      id: restored,
      number: 3,
      state: "queued",
      trigger: "restore",
      source: { kind: "rollback", rollbackOf: old.id },
      commit: old.commit,
      branch: "trunk",
      createdBy: "bifrost: deployment 2 failed in its watch window",
    });
    const [first] = await platform.deployments.transitions(restored as Deployment["id"]);
    expect(first).toMatchObject({ to: "queued", by: "restore" });
    expect(platform.cluster.removed).toEqual([]);
  });

  it("has it deployed once, however often and at once it is asked for", async () => {
    const { fail, restore, all } = await undone();
    await fail();
    const answers = await Promise.all([restore(), restore(), restore()]);
    answers.push(await restore());
    expect(new Set(answers.map((answer) => answer["restored"])).size).toBe(1);
    expect(await all()).toHaveLength(3);
  });

  it("fails a second time after a retry, and is undone again", async () => {
    const { platform, bad, fail, restore, all } = await undone();
    await fail();
    await restore();
    const failed = await platform.read(bad.id);
    const [first] = await all();
    platform.deployment({ ...(first as Deployment), state: "failed" });
    platform.deployment({ ...failed, attempt: 2 });
    expect(await restore()).toMatchObject(NOTHING);
    const again = createRestore(platform.ports)({ deploymentId: bad.id, attempt: 2 });
    expect((await again)["restored"]).not.toBeNull();
    expect(await all()).toHaveLength(4);
  });

  it.each<[string, Parameters<typeof undone>, RegExp]>([
    ["whose config says so", ["[health]\nrollback = false\n"], /rollback is false/],
    ["that was put back itself", ["", { trigger: "restore" }], /put in the place/],
  ])(
    "%s is not followed by another, and keeps its replicas all the same",
    async (_, release, words) => {
      const { platform, bad, fail, restore, all } = await undone(...release);
      await fail();
      expect((await platform.read(bad.id)).failure?.details.at(-1)).toMatch(words);
      expect(await restore()).toMatchObject(NOTHING);
      expect(await all()).toHaveLength(2);
      expect(platform.cluster.removed).toEqual([]);
    },
  );

  it("leaves its place to a newer deployment that is under way, and keeps its replicas until then", async () => {
    const { platform, bad, fail, restore, all } = await undone();
    platform.deployment({ id: "depccccccccccc" as never, number: 3, state: "building" });
    await fail();
    expect(platform.cluster.removed).toEqual([]);
    expect((await platform.read(bad.id)).failure?.details.at(-1)).toMatch(/Deployment 3 is under/);
    expect(await restore()).toMatchObject(NOTHING);
    expect(await all()).toHaveLength(3);
  });

  it("makes way for a push that arrives while it is decided", async () => {
    const { platform, fail, restore, all } = await undone();
    await fail();
    const create = platform.deployments.create.bind(platform.deployments);
    let isFirst = true;
    platform.deployments.create = async (...args) => {
      if (isFirst) {
        isFirst = false;
        platform.deployment({ id: "depccccccccccc" as never, number: 3, state: "queued" });
        throw new BifrostError("write-conflict", "the project changed");
      }
      return create(...args);
    };
    expect(await restore()).toMatchObject(NOTHING);
    expect(await all()).toHaveLength(3);
  });
});

describe("restore of anything else", () => {
  it.each<[string, Partial<Deployment>]>([
    ["is healthy", {}],
    ["runs", { state: "running" }],
    [
      "failed for another reason",
      {
        state: "failed",
        failure: newFailure("build-failed", "building", []),
      },
    ],
    [
      "is at another attempt",
      {
        state: "failed",
        attempt: 2,
        failure: newFailure(REASON, "healthy", []),
      },
    ],
  ])("that %s changes nothing", async (_, changes) => {
    const { platform, restore, all } = await undone("", changes);
    expect(await restore()).toMatchObject(NOTHING);
    expect(await all()).toHaveLength(2);
    expect(platform.cluster.removed).toEqual([]);
  });
});
