/** Static sites: pushed like every app, served by the gateway from Cloud Storage, gone when nobody needs them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { App } from "../support/app.ts";
import { copyExample } from "../support/folders.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { endedWith } from "../support/processes.ts";
import { askContinuously } from "../support/traffic.ts";
import { runJob } from "../support/scheduler.ts";
import { until } from "../support/until.ts";
import { rolloutsOf } from "./restart/evidence.ts";

let platform: PlatformUnderTest;

beforeAll(async () => {
  platform = await startPlatform({ env: { BIFROST_HEALTH_TIMEOUT_SECONDS: "5" } });
});
afterAll(() => platform.stop());

const LINES = Array.from({ length: 200 }, (_, at) => `line ${at} of a text that repeats itself\n`);

function site(name: string, files: Readonly<Record<string, string>>): Record<string, string> {
  const config = `[app]\nname = "${name}"\nruntime = "static"\n\n[static]\ndir = "public"\n`;
  const placed = Object.entries(files).map(([path, text]) => [`public/${path}`, text]);
  return { "deploy.toml": config, ...Object.fromEntries(placed) };
}

/** Objects in the bucket of all sites. */
async function storedObjects(): Promise<number> {
  const { storage } = await platform.info();
  return storage?.["objects"]["bifrost-local-sites"];
}

describe("a static site", () => {
  test("has no replica, answers what it has, and in the forms that were asked for", async () => {
    const app = await App.create(platform, "docs", {
      ...site("docs", {
        "index.html": "<h1>docs</h1>",
        "guide/index.html": "<h1>guide</h1>",
        "404.html": "<h1>lost</h1>",
        "words.txt": LINES.join(""),
      }),
    });
    const deployment = await platform.untilDeployment((await app.push()).id);
    expect(deployment).toMatchObject({ state: "healthy", failure: null });
    expect(await rolloutsOf(platform, deployment.id)).toEqual([]);

    const page = await app.get("/");
    expect(page).toMatchObject({ status: 200, body: "<h1>docs</h1>" });
    const tag = String(page.headers["etag"]);
    const again = await platform.get("docs", "/", { "if-none-match": tag });
    expect([again.status, again.body]).toEqual([304, ""]);

    const part = await platform.get("docs", "/words.txt", { range: "bytes=5-9" });
    expect([part.status, part.body]).toEqual([206, LINES.join("").slice(5, 10)]);
    const packed = await platform.get("docs", "/words.txt", { "accept-encoding": "gzip, br" });
    expect(packed.headers["content-encoding"]).toBe("br");
    expect(Number(packed.headers["content-length"])).toBeLessThan(LINES.join("").length / 10);

    expect(await app.get("/guide")).toMatchObject({
      status: 308,
      headers: { location: "./guide/" },
    });
    expect(await app.get("/guide/")).toMatchObject({ status: 200, body: "<h1>guide</h1>" });
    expect(await app.get("/nothing")).toMatchObject({ status: 404, body: "<h1>lost</h1>" });
    expect(await platform.get(deployment.id)).toMatchObject({ status: 200 });
  });

  test("goes to a new version and back without a failed request, and is taken away with its project", async () => {
    const app = await App.create(platform, "pages", copyExample("static-site", "pages"));
    const first = await platform.untilDeployment((await app.push()).id);
    expect(first).toMatchObject({ state: "healthy", number: 1 });
    const before = await storedObjects();
    const traffic = askContinuously(platform, "pages");
    const pushed = await app.change({ "public/index.html": "two" });
    expect(await platform.untilDeployment(pushed.id)).toMatchObject({
      state: "healthy",
      number: 2,
    });
    await until(() => traffic.bodies.at(-1) === "two", { what: "the second version" });
    endedWith(0, await app.cli("rollback"));
    await until(() => traffic.bodies.at(-1)?.includes("Hello from files"), {
      what: "the first version again",
    });
    const [third] = await platform.deployments("pages");
    expect(third).toMatchObject({ trigger: "rollback", imageDigest: first.imageDigest });
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    expect(await storedObjects()).toBeGreaterThan(before);

    expect(await platform.api("DELETE", "/projects/pages")).toMatchObject({ status: 200 });
    await runJob(platform, "reap"); // what the clock does every minute
    const gone = async () => (await platform.get(first.id)).status === 404;
    await until(gone, { what: "an end of the first release" });
    await until(async () => (await storedObjects()) < before, { what: "an end of its files" });
  });

  test("without the page it is judged by fails and says which", async () => {
    const app = await App.create(platform, "empty", site("empty", { "other.html": "x" }));
    const failed = await platform.untilDeployment((await app.push()).id);
    expect(failed.failure).toMatchObject({ code: "never-healthy" });
    expect(failed.failure?.details.join("\n")).toContain("the page / is answered with status 404");
    expect(await platform.get(failed.id)).toMatchObject({ status: 404 });
  });
});
