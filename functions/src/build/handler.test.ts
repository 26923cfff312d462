import { describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/test-platform.ts";
import { createBuild } from "./handler.ts";

const CALLBACK = "http://127.0.0.1:1/callback/2";

async function validating() {
  const platform = new TestPlatform();
  const deployment = platform.deployment({ state: "validating" });
  const build = createBuild(platform.ports);
  return { platform, deploymentId: deployment.id, build };
}

describe("build", () => {
  it("keeps the callback's address before it makes the move, and says that the image is being built", async () => {
    const { platform, deploymentId, build } = await validating();
    const answer = await build({ deploymentId, attempt: 1, callback: CALLBACK });
    expect(answer).toEqual({ state: "building", image: "building" });
    const note = await platform.deployments.readNote(deploymentId, "internal/build");
    expect(note?.value).toEqual({ attempt: 1, callback: CALLBACK });
  });

  it("tells a second execution not to wait for a build whose end was told to the first", async () => {
    const { platform, deploymentId, build } = await validating();
    await build({ deploymentId, attempt: 1, callback: "http://127.0.0.1:1/callback/1" });
    const note = await platform.deployments.readNote(deploymentId, "internal/build");
    const ended = { ...note?.value, buildId: "b1", status: "failed", detail: "exit 1" };
    await platform.deployments.writeNote(deploymentId, "internal/build", ended, note?.version);
    const answer = await build({ deploymentId, attempt: 1, callback: CALLBACK });
    expect(answer).toEqual({ state: "building", image: "ready" });
  });
});
