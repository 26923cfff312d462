import { describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/test-platform.ts";
import { createStartBuild, decideBuildClaim } from "./handler.ts";

const message = (id: string) => ({ id, text: "", attributes: {} });

async function building() {
  const platform = new TestPlatform();
  const deployment = platform.deployment({ state: "building" });
  await platform.snapshot(deployment);
  return { platform, id: deployment.id, start: createStartBuild(platform.ports) };
}

describe("start-build", () => {
  it("starts a build from the commit's archive and notes its id", async () => {
    const { platform, id, start } = await building();
    const answer = await start({ deploymentId: id, attempt: 1 }, message("m1"));
    expect(answer).toEqual({ started: true, buildId: "build-1" });
    const [request] = platform.images.requests;
    expect(request?.source.name).toContain("a".repeat(40));
    expect(request?.steps.at(-1)?.id).toBe("pack");
    const note = await platform.deployments.readNote(id, "internal/build");
    expect(note?.value).toMatchObject({ attempt: 1, buildId: "build-1" });
  });

  it("starts one build however many deliveries come at once, and tells the others to come again", async () => {
    const { platform, id, start } = await building();
    const deliveries = Array.from({ length: 8 }, (_, at) =>
      start({ deploymentId: id, attempt: 1 }, message(`m${at}`)),
    );
    const outcomes = await Promise.allSettled(deliveries);
    expect(platform.images.requests).toHaveLength(1);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    for (const { reason } of refused) {
      expect(reason).toMatchObject({ code: expect.stringMatching(/^(not-ready|write-conflict)$/) });
    }
  });

  it("answers a later delivery with the build that runs", async () => {
    const { platform, id, start } = await building();
    await start({ deploymentId: id, attempt: 1 }, message("m1"));
    const again = await start({ deploymentId: id, attempt: 1 }, message("m2"));
    expect(again).toEqual({ started: false, buildId: "build-1" });
    expect(platform.images.requests).toHaveLength(1);
  });

  it("finds by its tags the build of a delivery that died before it noted the id", async () => {
    const { platform, id, start } = await building();
    platform.images.put({ id: "lost", deploymentId: id, attempt: 1 });
    const answer = await start({ deploymentId: id, attempt: 1 }, message("m1"));
    expect(answer).toMatchObject({ buildId: "lost" });
    expect(platform.images.requests).toHaveLength(0);
  });

  it("cancels the build it started when the deployment failed meanwhile", async () => {
    const { platform, id, start } = await building();
    platform.images.onStart = async () => {
      platform.deployment({ state: "failed" });
    };
    await start({ deploymentId: id, attempt: 1 }, message("m1"));
    expect(platform.images.builds.get("build-1")?.status).toBe("cancelled");
  });

  it.each([
    ["is not building any more", { state: "failed" as const }],
    ["is at another attempt", { state: "building" as const, attempt: 2 }],
  ])("starts nothing for a deployment that %s", async (_, changes) => {
    const { platform, id, start } = await building();
    platform.deployment(changes);
    const answer = await start({ deploymentId: id, attempt: 1 }, message("m1"));
    expect(answer).toEqual({ started: false });
    expect(platform.images.requests).toHaveLength(0);
  });
});

describe("decideBuildClaim", () => {
  const claim = { attempt: 1, by: "m1", now: 100_000 };
  const claimed = { attempt: 1, claimedBy: "m1", claimedAt: 100_000 };

  it("keeps the workflow's callback address", () => {
    expect(decideBuildClaim({ attempt: 1, callback: "http://c" }, claim)).toEqual({
      ...claimed,
      callback: "http://c",
    });
  });

  it("drops what an earlier attempt left", () => {
    expect(decideBuildClaim({ attempt: 0, buildId: "old", callback: "x" }, claim)).toEqual(claimed);
  });

  it("goes on where an earlier delivery of the same message died", () => {
    const note = { attempt: 1, claimedBy: "m1", claimedAt: 99_999 };
    expect(decideBuildClaim(note, claim)).toEqual(claimed);
  });

  it("waits for another message's claim until that is a minute old", () => {
    const note = { attempt: 1, claimedBy: "m0", claimedAt: 40_001 };
    expect(() => decideBuildClaim(note, claim)).toThrow(
      expect.objectContaining({ code: "not-ready" }),
    );
    expect(decideBuildClaim({ ...note, claimedAt: 40_000 }, claim)).toEqual(claimed);
  });
});
