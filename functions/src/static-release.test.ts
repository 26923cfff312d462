/** The life of a static site's release, from its image to the bucket and out of it again. */
import { kubernetesTypeMaps } from "@bifrost/shared/cloud/kubernetes-type-maps";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { manifestName, siteFolder, SITE_PROBE_HEADER } from "@bifrost/shared/domain/site-manifest";
import { newFailure } from "@bifrost/shared/domain/failure";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import { describe, expect, it } from "vitest";
import { createDeploy } from "./deploy/handler.ts";
import { createFail } from "./fail/handler.ts";
import { createObserve } from "./observe/handler.ts";
import { placeOf } from "./publish-site/publish-site.ts";
import { createReap } from "./reap/handler.ts";
import { TestPlatform } from "./testing/test-platform.ts";
import { judge } from "./verify/ask-for-page.ts";
import { createVerify } from "./verify/handler.ts";

const imageDigest = `sha256:${"b".repeat(64)}` as NonNullable<Deployment["imageDigest"]>;
const TOML = '[app]\nname = "app"\nruntime = "static"\n\n[static]\nspa = true\n';
const TEXT = "a line that repeats itself\n".repeat(50);
const BUCKET = "sites";

async function release(state: Deployment["state"], changes: Partial<Deployment> = {}) {
  const platform = new TestPlatform();
  const deployment = platform.deployment({ state, imageDigest, ...changes });
  await platform.snapshot(deployment, TOML);
  const ports = { ...platform.ports, typeMaps: kubernetesTypeMaps };
  const call = { deploymentId: deployment.id, attempt: 1 };
  const held = () => platform.objects.list(BUCKET, siteFolder(placeOf(deployment)));
  async function manifest() {
    const bytes = await platform.objects.read(BUCKET, manifestName(placeOf(deployment)), 1e6);
    return JSON.parse(Buffer.from(bytes ?? []).toString()) as { files: { path: string }[] };
  }
  return { platform, ports, deployment, id: deployment.id, call, held, manifest };
}

describe("deploy of a static site", () => {
  it("puts its files into the bucket, the manifest last, and nothing into the cluster", async () => {
    const { platform, ports, id, call, manifest } = await release("built");
    platform.imageFiles = { "words.txt": TEXT, "index.html": "<h1>hi</h1>", "copy.txt": TEXT };
    expect(await createDeploy(ports)(call)).toEqual({ state: "deploying" });
    expect(platform.cluster.applied).toEqual([]);
    expect(platform.objects.puts.at(-1)).toMatch(/manifest\.json$/);
    // words.txt plain, br and gzip, shared by its copy; index.html, too small to be packed; the manifest.
    expect(platform.objects.puts).toHaveLength(5);
    const { files } = await manifest();
    expect(files.map(({ path }) => path)).toEqual(["copy.txt", "index.html", "words.txt"]);
    expect(files).toMatchObject([
      { size: TEXT.length, encodings: { br: expect.any(Number), gzip: expect.any(Number) } },
      { size: 11, encodings: {} },
      { size: TEXT.length },
    ]);
    expect(await platform.sites.read(id)).toMatchObject({ isPublished: true });
    expect((await platform.read(id)).manifestsHash).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([0, 1, 2, 3, 4])(
    "cut off after %i objects is completed by the next call",
    async (puts) => {
      const { platform, ports, id, call, manifest } = await release("built");
      platform.imageFiles = { "words.txt": TEXT, "index.html": "<h1>hi</h1>" };
      platform.objects.mostPuts = puts;
      await expect(createDeploy(ports)(call)).rejects.toThrow("the bucket is away");
      expect(await platform.sites.read(id)).toMatchObject({ isPublished: false });
      platform.objects.mostPuts = Infinity;
      await createDeploy(ports)(call);
      expect(await platform.sites.read(id)).toMatchObject({ isPublished: true });
      // Nothing was stored twice, and what was stored before is known with its encodings.
      expect(new Set(platform.objects.puts).size).toBe(platform.objects.puts.length);
      expect((await manifest()).files).toMatchObject([
        { path: "index.html" },
        { path: "words.txt", encodings: { br: expect.any(Number), gzip: expect.any(Number) } },
      ]);
    },
  );

  it("of the same image gives the same manifest", async () => {
    const [one, two] = [await release("built"), await release("built")];
    for (const { platform, ports, call } of [one, two]) {
      platform.imageFiles = { "words.txt": TEXT, "index.html": "<h1>hi</h1>" };
      await createDeploy(ports)(call);
    }
    expect(await two.manifest()).toEqual(await one.manifest());
  });

  it("takes everything away again when the deployment failed meanwhile", async () => {
    const { platform, ports, call, held } = await release("built");
    const put = platform.objects.put.bind(platform.objects);
    platform.objects.put = async (...args) => {
      platform.deployment({ ...(await platform.read(call.deploymentId)), state: "failed" });
      return put(...args);
    };
    await createDeploy(ports)(call);
    expect(await held()).toEqual([]);
    expect(await platform.sites.list()).toEqual([]);
  });

  it.each([
    ["too many files", { a: "1", b: "2" }, { files: 1 }],
    ["too many bytes", { a: "12", b: "34" }, { bytes: 3 }],
    ["a path that is too long", { aaaa: "1" }, { pathBytes: 3 }],
  ])("knows %s", async (_, files, limit) => {
    const { surveyFiles } = await import("./publish-site/survey-files.ts");
    const platform = new TestPlatform();
    platform.imageFiles = files;
    const { projectId } = platform.deployment();
    const read = platform.ports.imageFiles.read(projectId, imageDigest);
    const limits = { files: 10, bytes: 100, pathBytes: 100, ...limit };
    await expect(surveyFiles(read, limits)).rejects.toMatchObject({ code: "body-too-large" });
  });
});

describe("observe of a static site", () => {
  it("waits until it is published", async () => {
    const { platform, ports, deployment, call } = await release("deploying");
    expect(await createObserve(ports)(call)).toMatchObject({ outcome: "waiting" });
    await platform.sites.begin(placeOf(deployment));
    expect(await createObserve(ports)(call)).toMatchObject({ outcome: "waiting" });
    await platform.sites.publish(deployment.id);
    expect(await createObserve(ports)(call)).toEqual({ state: "running", outcome: "running" });
  });
});

describe("verify of a static site", () => {
  it("asks the gateway for its page on the deployment's own host, past policies", async () => {
    const { platform, ports, id, call } = await release("running");
    expect(await createVerify(ports)(call)).toMatchObject({ outcome: "healthy" });
    expect(platform.pagesAsked).toHaveLength(2);
    expect(platform.pagesAsked[0]).toEqual({
      host: `${id}.apps.test:8080`,
      path: "/",
      headers: { [SITE_PROBE_HEADER]: telemetryToken("telemetry-secret", id) },
      timeoutMs: 5000,
    });
  });

  it("wants passes in a row", async () => {
    const { platform, ports, call } = await release("running");
    platform.pageStatuses = [200, 404, 200, null, 200, 503, 200, 304];
    expect(await createVerify(ports)(call)).toMatchObject({ outcome: "healthy" });
    expect(platform.pagesAsked).toHaveLength(8);
  });

  it("gives up after the time to become healthy, and says what was answered", async () => {
    const { platform, ports, id, call } = await release("running");
    platform.pageStatuses = [404];
    expect(await createVerify(ports)(call)).toMatchObject({ outcome: "waiting" });
    platform.timers.pass(60_000);
    expect(await createVerify(ports)(call)).toMatchObject({ reason: "never-healthy" });
    const note = await platform.deployments.readNote(id, "internal/observation");
    expect(note?.value["details"]).toEqual([
      "after 68 s, the page / is answered with status 404; [static] dir must hold it, or [health] path name another",
    ]);
  });

  it.each([
    [200, "passed"],
    [304, "passed"],
    [308, "passed"],
    [401, "refused"],
    [404, "refused"],
    [500, "silent"],
    [503, "silent"],
    [null, "silent"],
  ])("takes the status %s for %s", (status, kind) => {
    expect(judge(status, "/").kind).toBe(kind);
  });
});

async function watched(statuses: (number | null)[]) {
  const made = await release("healthy");
  made.platform.project({ liveDeploymentId: made.id, liveNumber: 1 });
  made.platform.pageStatuses = statuses;
  return { ...made, answer: await createVerify(made.ports)(made.call) };
}

describe("a static site in its watch window", () => {
  it.each<[string, (number | null)[]]>([
    ["its page answers", [200]],
    ["its page is missing for a moment", [404, 404, 200]],
    ["the gateway does not answer", [null]],
    ["the storage is away", [503]],
  ])("stays healthy while %s", async (_, statuses) => {
    const { answer } = await watched(statuses);
    expect(answer).toMatchObject({ outcome: "healthy", pollAfterSeconds: 2 });
  });

  it("is undone when its page is gone", async () => {
    const { answer } = await watched([404]);
    expect(answer).toMatchObject({ outcome: "failed", reason: "unhealthy-after-release" });
  });
});

describe("a static site that nobody needs", () => {
  it("is taken away by fail", async () => {
    const { platform, ports, call, held } = await release("built");
    await createDeploy(ports)(call);
    expect(await held()).not.toEqual([]);
    await createFail(ports)({ ...call, reason: "cancelled" });
    expect(await held()).toEqual([]);
    expect(await platform.sites.list()).toEqual([]);
  });

  it("is taken away by reap, with what an interrupted deploy left, and the live one is not", async () => {
    const { platform, ports, deployment, call, held } = await release("built");
    await createDeploy(ports)(call);
    platform.deployment({ ...deployment, state: "healthy" });
    platform.project({ liveDeploymentId: deployment.id, liveNumber: 1 });
    const failure = newFailure("cancelled", "deploying", []);
    const id = "depcccccccccc" as Deployment["id"];
    const other = platform.deployment({ id, number: 2, state: "failed", failure });
    await platform.sites.begin(placeOf(other));
    await platform.objects.put(BUCKET, `${siteFolder(placeOf(other))}x`, new Blob(["x"]).stream());
    expect(await createReap(ports)()).toMatchObject({ retired: 1 });
    expect(await platform.objects.list(BUCKET, siteFolder(placeOf(other)))).toEqual([]);
    expect(await held()).not.toEqual([]);
    expect((await platform.sites.list()).map(({ deploymentId }) => deploymentId)).toEqual([
      deployment.id,
    ]);
  });
});
