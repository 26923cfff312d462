/** Releases that turn bad after they became healthy: the cause in words, the release before put back once, traffic meanwhile. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DeploymentView } from "@bifrost/shared/api/schemas";
import { App } from "../support/app.ts";
import { nodeApp } from "../support/folders.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { askContinuously } from "../support/traffic.ts";
import { until } from "../support/until.ts";
import { rolloutsOf } from "./restart/evidence.ts";
import { Session } from "./restart/session.ts";

const LIVE_FAILURE = "The release turned unhealthy within its watch window";
const REASON = "unhealthy-after-release";
/** What never becomes healthy is given up after this, so that the tests need not wait for a minute. */
const ENV = { BIFROST_HEALTH_TIMEOUT_SECONDS: "10" };

/** Distance of the gateway's control port from the base port. */
const CONTROL = 3;

type Ruin = "status" | "crash" | "memory";

/**
 * Answers its version, until a request asks for its ruin; then it stays ruined, through restarts, in this replica. The
 * mark is named apart for each test run and replica, because not every sandbox has a /tmp of its own.
 */
function ruinable(slug: string, version: string, config = ""): Record<string, string> {
  const program = `const fs = require("node:fs");
const mark = "/tmp/ruined-${randomUUID()}-" + process.env.PORT;
let ruin = fs.existsSync(mark) ? fs.readFileSync(mark, "utf8") : "";
const hoard = [];
function suffer() {
  if (ruin === "crash") setTimeout(() => { console.error("boom: no luck"); process.exit(3); }, 100);
  if (ruin === "memory") setInterval(() => hoard.push(Buffer.alloc(8 << 20, 1)), 10);
}
suffer();
require("node:http").createServer((request, response) => {
  const [, first, how] = request.url.split("/");
  if (first === "ruin") {
    fs.writeFileSync(mark, ruin = how);
    suffer();
    return response.end("as you wish");
  }
  if (first !== "healthz") return response.end("${version}");
  response.statusCode = ruin === "status" ? 500 : 200;
  return response.end(ruin === "status" ? "db is down" : "ok");
}).listen(process.env.PORT);
process.on("SIGTERM", () => process.exit(0));
`;
  const health = `[health]\ninterval = "1s"\ntimeout = "1s"\n${config}\n`;
  return nodeApp(slug, { program, config: health });
}

/** The same in two replicas. */
function twice(files: Readonly<Record<string, string>>): Record<string, string> {
  return { ...files, "deploy.toml": `${files["deploy.toml"]}[scaling]\nmin_replicas = 2\n` };
}

/** A release that answers `one`, and after it one that answers `two`, both healthy. */
async function twoReleases(platform: PlatformUnderTest, slug: string, config = "") {
  const app = await App.create(platform, slug, ruinable(slug, "one", config));
  const first = await healthy(platform, app.push());
  const second = await healthy(platform, app.change(ruinable(slug, "two", config)));
  await answers(app, "two");
  return { app, first, second };
}

async function healthy(
  platform: PlatformUnderTest,
  pushed: Promise<DeploymentView>,
): Promise<DeploymentView> {
  const ended = await platform.untilDeployment((await pushed).id);
  expect(ended).toMatchObject({ state: "healthy", failure: null });
  return ended;
}

function answers(app: App, body: string): Promise<unknown> {
  return until(async () => (await app.get()).body === body, { what: `${body} of ${app.slug}` });
}

/** One request that ends the replica it meets; resolves when the release has failed. */
async function ruined(app: App, { id }: DeploymentView, how: Ruin): Promise<DeploymentView> {
  await app.get(`/ruin/${how}`).catch(() => null);
  return app.platform.untilDeployment(id, ({ state }) => state === "failed", 40_000);
}

function restoresOf(platform: PlatformUnderTest, slug: string) {
  return platform
    .deployments(slug)
    .then((all) => all.filter(({ trigger }) => trigger === "restore"));
}

async function restored(app: App): Promise<DeploymentView> {
  const [restore] = await until(async () => {
    const all = await restoresOf(app.platform, app.slug);
    return all.length > 0 && all;
  });
  if (restore === undefined) throw new Error("nothing was restored");
  const ended = await app.platform.untilDeployment(restore.id);
  await until(async () => (await servingOf(app)) === restore.id, { what: "the restored release" });
  return ended;
}

/** The deployment that the gateway sends an app's requests to. */
async function servingOf({ platform, slug }: App): Promise<string | null> {
  const headers = { authorization: `Bearer ${platform.secret("controlToken")}` };
  const answer = await fetch(`${platform.address(CONTROL)}/routes`, { headers });
  const { routes } = (await answer.json()) as {
    routes: readonly { readonly host: string; readonly serving: string | null }[];
  };
  return routes.find(({ host }) => host.startsWith(`${slug}.`))?.serving ?? null;
}

/** `restore` has decided about a failed release: whatever it does to the replicas is done. */
function isSettled({ home }: PlatformUnderTest, { id }: DeploymentView): boolean {
  const log = readFileSync(path.join(home, "logs", "functions.log"), "utf8");
  return log.split("\n").some((line) => line.includes("release undone") && line.includes(id));
}

function detailsOf({ failure }: DeploymentView): string {
  expect(failure).toMatchObject({ code: REASON, state: "healthy" });
  return failure?.details.join("\n") ?? "";
}

describe.concurrent("a release that turns bad while it is watched", () => {
  let platform: PlatformUnderTest;
  beforeAll(async () => {
    platform = await startPlatform({ env: ENV });
  });
  afterAll(() => platform.stop());

  test("is failed with status and body, and the one before is put back, once, without a chain", async () => {
    const { app, first, second } = await twoReleases(platform, "watch-status");
    const traffic = askContinuously(platform, app.slug);
    const failed = await ruined(app, second, "status");
    expect(detailsOf(failed)).toMatch(
      /^d-\S+: the health check answers with status 500: “db is down”; unhealthy for \d+ s$/m,
    );
    expect(detailsOf(failed)).toMatch(/Deployment 1, .* is deployed again in its place\.$/);
    const third = await restored(app);
    const { imageDigest, configHash } = first;
    expect(third).toMatchObject({
      number: 3,
      state: "healthy",
      rollbackOf: first.id,
      imageDigest,
      configHash,
    });
    await answers(app, "one");
    await traffic.stop();
    // The replicas of the release before still run: they serve when the only one of this release is unready.
    console.log(
      `one replica: ${traffic.bodies.length} requests, ${traffic.failures.length} failed`,
    );
    expect(traffic.failures).toEqual([]);
    expect(new Set(traffic.bodies)).toEqual(new Set(["one", "two"]));
    expect((await app.cli("status")).stdout).toMatch(
      /restores deployment 1, because the release after it failed .*: `bifrost status 2` says why/,
    );

    expect(detailsOf(await ruined(app, third, "crash"))).toMatch(
      /Nothing is deployed in its place: it was put in the place of a failed release itself\.$/,
    );
    expect(await platform.deployments(app.slug)).toHaveLength(3);
  });

  test("by ending again and again is failed with exit code and last lines", async () => {
    const { app, second } = await twoReleases(platform, "watch-crash");
    expect(detailsOf(await ruined(app, second, "crash"))).toMatch(
      /the app ended 2 times since the release became healthy, last with exit code 3[^]*boom: no luck/,
    );
    expect(await restored(app)).toMatchObject({ number: 3, state: "healthy" });
    await answers(app, "one");
    expect(await restoresOf(platform, app.slug)).toHaveLength(1);
  });

  test("by taking too much memory is failed for it", async () => {
    const { app, second } = await twoReleases(platform, "watch-memory");
    expect(detailsOf(await ruined(app, second, "memory"))).toMatch(
      /the app was killed for using more memory than it may: 128Mi; raise \[resources\] memory/,
    );
    expect(await restored(app)).toMatchObject({ number: 3, state: "healthy" });
    await answers(app, "one");
  });

  test.each([
    ["whose deploy.toml says so", "watch-opt-out", "rollback = false", /rollback is false/],
    ["that is the first", "watch-first", "", /no release before it was healthy/],
  ])(
    "%s is failed, nothing takes its place, and its other replica goes on answering",
    async (_, slug, config, words) => {
      const isFirst = slug === "watch-first";
      const app = await App.create(platform, slug, twice(ruinable(slug, "one", config)));
      let last = await healthy(platform, app.push());
      if (!isFirst)
        last = await healthy(platform, app.change(twice(ruinable(slug, "two", config))));
      const body = isFirst ? "one" : "two";
      await answers(app, body);
      const traffic = askContinuously(platform, slug);
      expect(detailsOf(await ruined(app, last, "status"))).toMatch(words);
      await until(() => isSettled(platform, last), { what: "the decision about a successor" });
      const before = traffic.bodies.length;
      await until(() => traffic.bodies.length >= before + 50, { what: "more answers" });
      await traffic.stop();
      expect(traffic.failures).toEqual([]);
      expect(new Set(traffic.bodies)).toEqual(new Set([body]));
      expect(await servingOf(app)).toBe(last.id);
      expect(await rolloutsOf(platform, last.id)).toHaveLength(1);
      expect(await platform.deployments(slug)).toHaveLength(isFirst ? 1 : 2);
      const { stdout } = await app.cli("status");
      expect(stdout).toContain(`live: deployment ${last.number} (failed: ${LIVE_FAILURE})`);
    },
  );

  test("is over with its window when there is none", async () => {
    const { app, second } = await twoReleases(platform, "watch-none", 'watch = "0s"');
    await app.get("/ruin/crash").catch(() => null);
    const crashed = async () =>
      (await platform.lines(second.id, "runtime")).includes("boom: no luck");
    await until(crashed, { what: "the crash" });
    expect(await platform.deployment(second.id)).toMatchObject({ state: "healthy" });
  });

  test("costs no request as long as a replica passes, and no other bad release answers one", async () => {
    const slug = "watch-traffic";
    const app = await App.create(platform, slug, twice(ruinable(slug, "one")));
    await healthy(platform, app.push());
    await answers(app, "one");
    const traffic = askContinuously(platform, slug);

    const crashing = await app.change({ "server.js": 'console.log("three"); process.exit(4);' });
    const never = await platform.untilDeployment(crashing.id);
    expect(never.failure).toMatchObject({ code: "crash-at-start" });
    const sick = ruinable(slug, "four")["server.js"]?.replace('""', '"status"') ?? "";
    const unhealthy = await platform.untilDeployment((await app.change({ "server.js": sick })).id);
    expect(unhealthy.failure).toMatchObject({ code: "never-healthy" });
    expect(unhealthy.failure?.details.join("\n")).toMatch(/status 500: “db is down”/);

    const second = await healthy(platform, app.change(twice(ruinable(slug, "two"))));
    await until(() => traffic.bodies.at(-1) === "two", { what: "the second release" });
    expect(detailsOf(await ruined(app, second, "status"))).toMatch(/status 500/);
    expect(await restored(app)).toMatchObject({ state: "healthy" });
    await until(() => traffic.bodies.at(-1) === "one", { what: "the first release again" });
    await traffic.stop();
    console.log(
      `two replicas: ${traffic.bodies.length} requests, ${traffic.failures.length} failed`,
    );
    expect(traffic.failures).toEqual([]);
    expect(new Set(traffic.bodies)).toEqual(new Set(["one", "two"]));
  });
});

describe.concurrent("a platform that is killed", () => {
  let session: Session;
  beforeAll(async () => {
    session = await Session.begin(ENV);
  });
  afterAll(() => session.end());

  test("while a release is watched, then in its functions, and again as it fails, undoes it exactly once", async () => {
    const { app, second } = await twoReleases(session.platform, "watch-killed");
    await session.kill();
    await session.start();
    const killed = session.killAt("failed");
    await session.untilAnswer(app.slug, "two");
    process.kill((await session.platform.info())["programs"]?.["functions"], "SIGKILL");
    await app.get("/ruin/status");
    expect(await killed).toBe(second.id);
    await session.start();
    const { platform } = session;
    expect(detailsOf(await platform.deployment(second.id))).toMatch(/status 500: “db is down”/);
    const restores = await until(async () => {
      const all = await restoresOf(platform, app.slug);
      return all.length > 0 && all;
    });
    expect(restores).toHaveLength(1);
    expect(await platform.untilDeployment(restores[0]?.id ?? "")).toMatchObject({
      number: 3,
      state: "healthy",
    });
    await session.untilAnswer(app.slug, "one");
    expect(await restoresOf(platform, app.slug)).toHaveLength(1);
  });
});
