import type { Build } from "@bifrost/shared/ports/image-builder";
import { describe, expect, it } from "vitest";
import { pushRequest, TestPlatform } from "../testing/test-platform.ts";
import { finishBuild, finishBuildService } from "./handler.ts";

const DIGEST = `sha256:${"b".repeat(64)}`;

async function building(build: Partial<Build> = {}) {
  const platform = new TestPlatform();
  const deployment = platform.deployment({ state: "building" });
  platform.images.put({ id: "b1", deploymentId: deployment.id, attempt: 1, ...build });
  const note = { attempt: 1, buildId: "b1", callback: "http://workflows.test/callback" };
  await platform.deployments.writeNote(deployment.id, "internal/build", note);
  return { platform, id: deployment.id };
}

describe("finish-build", () => {
  it("moves to built with the digest that the last step wrote", async () => {
    const { platform, id } = await building({ status: "succeeded", outputs: ["", `${DIGEST}\n`] });
    expect(await finishBuild(platform.ports, id, 1)).toEqual({ state: "built", status: "built" });
    expect((await platform.read(id)).imageDigest).toBe(DIGEST);
  });

  it("takes the digest of the image that the builder pushed before any step's words", async () => {
    const build = { status: "succeeded", pushed: [DIGEST], outputs: ["something else"] } as const;
    const { platform, id } = await building(build);
    await finishBuild(platform.ports, id, 1);
    expect((await platform.read(id)).imageDigest).toBe(DIGEST);
  });

  it("says that it was built when it is asked again", async () => {
    const { platform, id } = await building({ status: "succeeded", outputs: [DIGEST] });
    await finishBuild(platform.ports, id, 1);
    expect(await finishBuild(platform.ports, id, 1)).toEqual({ state: "built", status: "built" });
    expect(await platform.deployments.transitions(id)).toHaveLength(1);
  });

  it.each(["pending", "working"] as const)("waits for a build that is %s", async (status) => {
    const { platform, id } = await building({ status });
    expect(await finishBuild(platform.ports, id, 1)).toMatchObject({ status: "building" });
  });

  it.each([
    [{ status: "failed", detail: "step build failed" } as const, "build-failed"],
    [{ status: "timed-out" } as const, "build-timeout"],
    [{ status: "cancelled" } as const, "build-failed"],
    [{ status: "succeeded", outputs: [] } as const, "build-failed"],
    [{ status: "succeeded", outputs: ["no digest"] } as const, "build-failed"],
    [{ status: "failed", detail: "runtime-unavailable: go" } as const, "runtime-unavailable"],
  ])("answers %o with %s and leaves the move to fail", async (build, reason) => {
    const { platform, id } = await building(build);
    expect(await finishBuild(platform.ports, id, 1)).toMatchObject({ status: "failed", reason });
    expect((await platform.read(id)).state).toBe("building");
  });

  it("reads from the build log that the toolchain is missing", async () => {
    const { platform, id } = await building({ status: "failed" });
    await platform.deployments.appendLog(id, {
      id: "1",
      stream: "build",
      step: "install",
      lines: ["runtime-unavailable: go is not installed"],
      at: new Date(0),
    });
    expect(await finishBuild(platform.ports, id, 1)).toMatchObject({
      reason: "runtime-unavailable",
    });
  });

  it("reuses the image of the release a rollback goes back to", async () => {
    const platform = new TestPlatform();
    const origin = platform.deployment({ state: "healthy", imageDigest: DIGEST as never });
    const { id } = platform.deployment({
      id: "depbbbbbbbbbbb" as typeof origin.id,
      number: 2,
      state: "building",
      source: { kind: "rollback", rollbackOf: origin.id },
    });
    expect(await finishBuild(platform.ports, id, 1)).toMatchObject({ status: "built" });
    expect((await platform.read(id)).imageDigest).toBe(DIGEST);
  });

  it("fails a rollback whose release has no image", async () => {
    const platform = new TestPlatform();
    const origin = platform.deployment({ state: "failed" });
    const { id } = platform.deployment({
      id: "depbbbbbbbbbbb" as typeof origin.id,
      state: "building",
      source: { kind: "rollback", rollbackOf: origin.id },
    });
    expect(await finishBuild(platform.ports, id, 1)).toMatchObject({ reason: "image-missing" });
  });

  it("keeps the digest of an earlier attempt when that is retried", async () => {
    const platform = new TestPlatform();
    const imageDigest = DIGEST as never;
    const { id } = platform.deployment({ state: "building", attempt: 2, imageDigest });
    expect(await finishBuild(platform.ports, id, 2)).toMatchObject({ status: "built" });
    expect((await platform.read(id)).imageDigest).toBe(DIGEST);
  });

  it("refuses a call for an attempt that is over", async () => {
    const { platform, id } = await building({ status: "succeeded", outputs: [DIGEST] });
    platform.deployment({ state: "queued", attempt: 2 });
    const stale = finishBuild(platform.ports, id, 1);
    await expect(stale).rejects.toMatchObject({ code: "stale-attempt" });
  });
});

const serve = (platform: TestPlatform) =>
  finishBuildService(platform.ports, {
    verifier: platform.ports.callers,
    audience: "http://functions.test/finish-build",
    allowed: ["workflows", "pubsub"],
  });

describe("a build notice", () => {
  it("makes the move and wakes the workflow that waits", async () => {
    const { platform, id } = await building({ status: "succeeded", outputs: [DIGEST] });
    const answer = await serve(platform)(pushRequest({}, { buildId: "b1", status: "SUCCESS" }));
    expect(await answer.json()).toMatchObject({ handled: true, status: "built" });
    expect((await platform.read(id)).state).toBe("built");
    const url = "http://workflows.test/callback";
    expect(platform.calledBack).toEqual([{ url, body: { status: "built" } }]);
  });

  it("wakes the workflow for a failed build as well", async () => {
    const { platform } = await building({ status: "failed" });
    await serve(platform)(pushRequest({}, { buildId: "b1" }));
    expect(platform.calledBack).toMatchObject([{ body: { status: "failed" } }]);
  });

  it.each([
    ["of a build that still runs", {}, "b1"],
    ["of a build that belongs to no deployment", { deploymentId: null }, "b1"],
    ["of an unknown build", {}, "b2"],
    ["without a build", {}, ""],
    [
      "of an earlier attempt",
      { status: "succeeded", outputs: [DIGEST], attempt: 7 } as const,
      "b1",
    ],
  ])("%s is acknowledged and left alone", async (_, build, buildId) => {
    const { platform, id } = await building(build);
    const answer = await serve(platform)(pushRequest({}, { buildId }));
    expect([answer.status, await answer.json()]).toEqual([200, { handled: false }]);
    expect((await platform.read(id)).state).toBe("building");
    expect(platform.calledBack).toEqual([]);
  });
});
