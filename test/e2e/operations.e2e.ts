/** What is done with deployments once they exist: roll back, retry, repeat, cancel, overtake. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { App } from "../support/app.ts";
import { nodeApp } from "../support/folders.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { endedWith, processesWith } from "../support/processes.ts";
import { askContinuously } from "../support/traffic.ts";
import { until } from "../support/until.ts";

let platform: PlatformUnderTest;

beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

async function buildsCreated(): Promise<number> {
  return (await platform.info())["cloud-build"]?.["created"];
}

/** A program that waits for ever; its marker shows in the process list. */
const waiting = (marker: string) => `node -e 'setTimeout(() => {}, 300000)' ${marker}`;

const withBuild = (command: string) => `[build]\ncommand = """${command}"""\n`;

// One after the other: they count the builds of the whole platform.
describe("a project", () => {
  test("goes to a new version and back without a failed request and without another build", async () => {
    const app = await App.create(platform, "shop", nodeApp("shop", { answer: "one" }));
    const first = await platform.untilDeployment((await app.push()).id);
    expect(first).toMatchObject({ state: "healthy", number: 1, failure: null });
    const traffic = askContinuously(platform, "shop");

    const pushed = await app.change(nodeApp("shop", { answer: "two" }));
    const second = await platform.untilDeployment(pushed.id);
    expect(second).toMatchObject({ state: "healthy", number: 2 });
    expect(second.imageDigest).not.toBe(first.imageDigest);
    await until(() => traffic.bodies.at(-1) === "two", { what: "the second version" });
    expect((await platform.project("shop")).liveDeploymentId).toBe(second.id);
    const builds = await buildsCreated();

    endedWith(0, await app.cli("rollback"));
    const [third] = await platform.deployments("shop");
    expect(third).toMatchObject({
      state: "healthy",
      number: 3,
      trigger: "rollback",
      rollbackOf: first.id,
      imageDigest: first.imageDigest,
      configHash: first.configHash,
    });
    await until(() => traffic.bodies.at(-1) === "one", { what: "the first version again" });
    await sleep(300); // what still ran of the second version has its chance to fail a request
    await traffic.stop();
    expect(await buildsCreated()).toBe(builds);
    expect(traffic.failures).toEqual([]);
    expect(traffic.bodies.length).toBeGreaterThan(50);
    // Two clean changes of version: one, two, one.
    expect(traffic.bodies.filter((body, at) => body !== traffic.bodies[at - 1])).toEqual([
      "one",
      "two",
      "one",
    ]);
  });

  test("is tried again from its stored image once the cause of a failure is gone", async () => {
    const service = await listening(0);
    const { port } = service.address() as AddressInfo;
    service.close();
    const program = `fetch("http://127.0.0.1:${port}/").then(() => require("node:http")
  .createServer((request, response) => response.end("found it")).listen(process.env.PORT),
  () => { console.error("the service does not answer"); process.exit(9); });`;
    const app = await App.create(platform, "late", nodeApp("late", { program }));
    const failed = await platform.untilDeployment((await app.push()).id);
    expect(failed).toMatchObject({ state: "failed", attempt: 1 });
    expect(failed.failure).toMatchObject({ code: "crash-at-start" });
    expect(failed.failure?.details.join("\n")).toMatch(
      /exit code 9[^]*the service does not answer/,
    );
    const builds = await buildsCreated();

    const found = await listening(port);
    endedWith(0, await app.cli("retry"));
    const again = await platform.deployment(failed.id);
    expect(again).toMatchObject({
      state: "healthy",
      attempt: 2,
      failure: null,
      imageDigest: failed.imageDigest,
    });
    expect(await buildsCreated()).toBe(builds);
    expect(await app.get()).toMatchObject({ status: 200, body: "found it" });
    found.close();
  });

  test("whose build fails is built again by a retry, and fails again", async () => {
    const config = withBuild("echo boom && exit 4");
    const app = await App.create(platform, "boom", nodeApp("boom", { config }));
    const { id } = await app.push();
    await platform.untilDeployment(id);
    const builds = await buildsCreated();
    endedWith(6, await app.cli("retry"));
    const again = await platform.deployment(id);
    expect(again).toMatchObject({ state: "failed", attempt: 2, failure: { code: "build-failed" } });
    expect(await buildsCreated()).toBe(builds + 1);
  });

  test("gets the same image for the same commit", async () => {
    const app = await App.create(platform, "twice", nodeApp("twice"));
    const first = await platform.untilDeployment((await app.push()).id);
    endedWith(0, await app.cli("deploy"));
    const [second] = await platform.deployments("twice");
    expect(second).toMatchObject({
      number: 2,
      trigger: "api",
      state: "healthy",
      commit: first.commit,
      imageDigest: first.imageDigest,
    });
  });
});

function listening(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((_request, response) => response.end("here"));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

describe.concurrent("a deployment", () => {
  test("that is cancelled while it builds leaves no process behind", async () => {
    const marker = "marker-of-a-build";
    const app = await App.create(
      platform,
      "stuck",
      nodeApp("stuck", { config: withBuild(waiting(marker)) }),
    );
    const { id } = await app.push();
    await until(() => processesWith(marker).length > 0, { what: "the build's process" });
    expect(await platform.deployment(id)).toMatchObject({ state: "building" });
    endedWith(0, await app.cli("cancel"));
    const { state, failure } = await platform.deployment(id);
    expect({ state, code: failure?.code }).toEqual({ state: "failed", code: "cancelled" });
    await until(() => processesWith(marker).length === 0, { what: "the end of the build" });
  });

  test("that is cancelled while its health check fails leaves no process behind", async () => {
    const marker = "marker-of-an-app";
    const files = nodeApp("sick", {
      program: `require("node:http").createServer((request, response) => {
  response.statusCode = 500;
  response.end();
}).listen(process.env.PORT);`,
    });
    const config = files["deploy.toml"]?.replace("node server.js", `node server.js ${marker}`);
    const app = await App.create(platform, "sick", { ...files, "deploy.toml": config ?? "" });
    const { id } = await app.push();
    await platform.untilDeployment(id, ({ state }) => state === "running");
    expect(processesWith(marker)).not.toEqual([]);
    endedWith(0, await app.cli("cancel"));
    const { state, failure } = await platform.deployment(id);
    expect({ state, code: failure?.code }).toEqual({ state: "failed", code: "cancelled" });
    await until(() => processesWith(marker).length === 0, { what: "the end of the app" });
  });

  test("that is overtaken by a newer push gives way to it", async () => {
    const marker = "marker-of-an-old-build";
    const app = await App.create(
      platform,
      "race",
      nodeApp("race", { config: withBuild(waiting(marker)) }),
    );
    const older = await app.push();
    await until(() => processesWith(marker).length > 0, { what: "the older build" });
    const newer = await app.change(nodeApp("race", { answer: "the newer one" }));
    const [lost, won] = await Promise.all([
      platform.untilDeployment(older.id),
      platform.untilDeployment(newer.id),
    ]);
    expect(lost).toMatchObject({ state: "failed", failure: { code: "superseded" } });
    expect(won).toMatchObject({ state: "healthy", number: 2 });
    expect((await app.get()).body).toBe("the newer one");
    await until(() => processesWith(marker).length === 0, { what: "the end of the older build" });
  });

  test("that two quick pushes ask for is only the newer one's", async () => {
    const app = await App.create(platform, "quick", nodeApp("quick", { answer: "older" }));
    const older = await app.push();
    const newer = await app.change(nodeApp("quick", { answer: "newer" }));
    const ends = await Promise.all([
      platform.untilDeployment(older.id),
      platform.untilDeployment(newer.id),
    ]);
    expect(ends[1]).toMatchObject({ state: "healthy" });
    // The first may have come too far to be overtaken; the URL is the newer one's either way.
    expect(["superseded", undefined]).toContain(ends[0].failure?.code);
    expect((await app.get()).body).toBe("newer");
    expect(await platform.project("quick")).toMatchObject({
      liveDeploymentId: newer.id,
      liveNumber: 2,
    });
  });

  test("refuses what its state does not allow and says what it allows", async () => {
    const app = await App.create(platform, "still", nodeApp("still"));
    const { id } = await platform.untilDeployment((await app.push()).id);
    const retried = await platform.apiPost(`/deployments/${id}/retry`);
    expect(retried).toMatchObject({
      status: 409,
      body: { code: "illegal-move", facts: { from: "healthy", to: "queued", allowed: ["failed"] } },
    });
    const cancelled = await platform.apiPost(`/deployments/${id}/cancel`);
    expect(cancelled).toMatchObject({ status: 409, body: { code: "illegal-move" } });
    expect(cancelled.body.detail).toMatch(/healthy/);
    expect(cancelled.body.detail).not.toMatch(/failed, not to failed/);
    const back = await platform.apiPost("/projects/still/rollbacks");
    expect(back).toMatchObject({ status: 404, body: { code: "not-found" } });
    expect(await platform.deployment(id)).toMatchObject({ state: "healthy", attempt: 1 });
    expect(await platform.deployments("still")).toHaveLength(1);
  });

  test("shares the machine with one of another project", async () => {
    const slugs = ["left", "right"];
    const apps = await Promise.all(slugs.map((slug) => App.create(platform, slug, nodeApp(slug))));
    const created = await Promise.all(apps.map((app) => app.push()));
    const ends = await Promise.all(created.map(({ id }) => platform.untilDeployment(id)));
    expect(ends.map(({ state }) => state)).toEqual(["healthy", "healthy"]);
    const [one, other] = ends.map(({ createdAt, stateSince }) => [createdAt, stateSince]);
    expect((one?.[0] ?? "") < (other?.[1] ?? "") && (other?.[0] ?? "") < (one?.[1] ?? "")).toBe(
      true,
    );
    const answers = await Promise.all(apps.map((app) => app.get()));
    expect(answers.map(({ body }) => body)).toEqual(["hello from left", "hello from right"]);
  });
});
