import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { CloudBuildClient, type protos } from "@google-cloud/cloudbuild";
import { grpc } from "google-gax";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createImageStore } from "../artifact-registry/image-store.ts";
import { startArtifactRegistry } from "../artifact-registry/index.ts";
import { detectSandbox } from "../sandbox/detect-sandbox.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { RunningStandIn } from "../stand-in.ts";
import { startCloudBuild, type CloudBuildOptions } from "./index.ts";
import type { BuildLogEntry } from "./log-stream.ts";

/** The tests wait for what must happen; how long it takes says nothing on a busy machine. */
const SOON = { timeout: 20_000, interval: 20 };

type Build = protos.google.devtools.cloudbuild.v1.IBuild;
type Step = protos.google.devtools.cloudbuild.v1.IBuildStep;

const run = promisify(execFile);
const PACK = fileURLToPath(new URL("../../../pack/src/main.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const projectId = "bifrost-test";
const topic = `projects/${projectId}/topics/build-complete`;

let dir: string;
let sandbox: Sandbox;
let builder: RunningStandIn;
let client: CloudBuildClient;
let entries: BuildLogEntry[];
let notices: { topic: string; id: string; status: string; build: Record<string, unknown> }[];
let isTopicDown: boolean;

async function start(more: Partial<CloudBuildOptions> = {}): Promise<void> {
  builder = await startCloudBuild({
    projectId,
    dataDir: join(dir, "data"),
    cacheDir: join(dir, "cache"),
    sandbox,
    timers: systemTimers,
    log: silentLogger,
    noticeTopic: topic,
    fetchSource: async ({ object }) => join(dir, object),
    stepImages: {
      "tools/": {},
      "tools/greeter": { argvPrefix: ["/bin/echo", "hello"] },
      "tools/cobol": { requires: ["sh", "cobc-of-1960"] },
      "tools/pack": {
        argvPrefix: [process.execPath, "--import", import.meta.resolve("tsx"), PACK],
        mounts: [{ source: ROOT, target: ROOT.replace(/\/$/, ""), writable: false }],
      },
    },
    writeLog: (batch) => void entries.push(...batch),
    publishNotice: async (where, build, { buildId, status }) => {
      if (isTopicDown) throw new Error("down");
      notices.push({ topic: where, id: buildId, status, build: build as Record<string, unknown> });
    },
    ...more,
  });
  client = new CloudBuildClient({
    projectId,
    apiEndpoint: "127.0.0.1",
    port: builder.port,
    sslCreds: grpc.credentials.createInsecure(),
  });
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "cloud-build-"));
  sandbox = await detectSandbox({
    log: silentLogger,
    timers: systemTimers,
    stateDir: join(dir, "sandbox"),
  });
  entries = [];
  notices = [];
  isTopicDown = false;
  await mkdir(join(dir, "src/acme-shop-0123456"), { recursive: true });
  await writeFile(join(dir, "src/acme-shop-0123456/hello.txt"), "from the source\n");
  await run("tar", ["-C", join(dir, "src"), "-czf", join(dir, "source.tgz"), "acme-shop-0123456"]);
  await start();
});

afterEach(async () => {
  await client.close();
  await builder.stop();
  await sandbox.close();
  await rm(dir, { recursive: true, force: true });
});

function shell(id: string, command: string, more: Step = {}): Step {
  return { id, name: "tools/node", entrypoint: "sh", args: ["-ec", command], ...more };
}

function request(steps: Step[], more: Build = {}) {
  const storageSource = { bucket: "b", object: "source.tgz", generation: "1" };
  return { projectId, build: { source: { storageSource }, steps, ...more } };
}

async function create(steps: Step[], more: Build = {}): Promise<string> {
  const [operation] = await client.createBuild(request(steps, more));
  return (operation.metadata as unknown as { build: { id: string } }).build.id;
}

async function ended(id: string): Promise<Build> {
  return vi.waitFor(async () => {
    const [build] = await client.getBuild({ projectId, id });
    expect(build.status).not.toMatch(/QUEUED|WORKING/);
    return build;
  }, SOON);
}

function text(): string {
  return entries.map((entry) => entry.textPayload).join("\n");
}

describe("a build", () => {
  test("runs its steps in order in one workspace and the operation ends with it", async () => {
    const [operation] = await client.createBuild(
      request(
        [
          shell("read", "cat hello.txt; echo $$GREETING $_WHO; echo err >&2; mkdir sub"),
          shell("write", "pwd; echo -n sha256:abc > $$BUILDER_OUTPUT/output", { dir: "sub" }),
          { id: "own", name: "tools/greeter:1", args: ["$BUILD_ID"] },
        ],
        {
          tags: ["deployment-1"],
          options: { env: ["GREETING=hi"] },
          substitutions: { _WHO: "you" },
        },
      ),
    );
    const [build] = (await operation.promise()) as unknown as [Build];
    expect(build).toMatchObject({ status: 3, tags: ["deployment-1"] }); // decoded with numbers
    expect(build.results?.buildStepOutputs?.map((bytes) => Buffer.from(bytes).toString())).toEqual([
      "",
      "sha256:abc",
      "",
    ]);
    expect(build.steps?.map((step) => step.status)).toEqual([3, 3, 3]);
    for (const line of [
      "from the source",
      "hi you",
      "err",
      "/workspace/sub",
      `hello ${build.id}`,
    ]) {
      expect(text().split("\n")).toContain(line);
    }
    const entry = entries.find((candidate) => candidate.textPayload.includes("from the source"));
    expect(entry).toMatchObject({
      logName: `projects/${projectId}/logs/cloudbuild`,
      resource: { type: "build", labels: { build_id: build.id, project_id: projectId } },
      labels: { build_tags: "deployment-1", build_step: 'Step #0 - "read"' },
    });
    const ids = entries.map((candidate) => candidate.insertId);
    expect(ids).toEqual(ids.toSorted());
    await vi.waitFor(() => expect(notices).toHaveLength(3), SOON);
    expect(notices.map((notice) => notice.status)).toEqual(["QUEUED", "WORKING", "SUCCESS"]);
    expect(notices.every((notice) => notice.topic === topic && notice.id === build.id)).toBe(true);
    expect(notices[2]?.build).toMatchObject({ status: "SUCCESS", tags: ["deployment-1"] });
    await expect(access(join(dir, "data/work", build.id ?? ""))).rejects.toThrow("ENOENT");
  });

  test("ends with its first failing step, whose exit code and output are kept", async () => {
    const failing = shell("test", "echo about to fail; exit 3");
    const build = await ended(await create([failing, shell("never", "echo never")]));
    expect(build).toMatchObject({
      status: "FAILURE",
      failureInfo: { type: "USER_BUILD_STEP" },
      steps: [{ status: "FAILURE", exitCode: 3 }, { status: "QUEUED" }],
    });
    expect(build.failureInfo?.detail).toContain('Step #0 - "test" exited with 3');
    expect(text()).toContain("about to fail");
    expect(text()).not.toContain("never");
  });

  test("that is cancelled leaves no process behind and its operation says CANCELLED", async () => {
    const command = "echo started; sleep 1000 & (trap '' TERM; sleep 1000) & wait";
    const [operation] = await client.createBuild(request([shell("hang", command)]));
    const { id } = (operation.metadata as unknown as { build: { id: string } }).build;
    await vi.waitFor(() => expect(text()).toContain("started"), SOON);
    const spawned = await vi.waitFor(async () => {
      const { stdout } = await run("pgrep", ["-f", "^sleep 1000$"]);
      return stdout.trim().split("\n");
    }, SOON);
    expect(spawned.length).toBeGreaterThan(0);
    const [build] = await client.cancelBuild({ projectId, id });
    expect(build.status).toBe("CANCELLED");
    for (const pid of spawned)
      await expect(access(`/proc/${pid}/cmdline`)).rejects.toThrow("ENOENT");
    await expect(operation.promise()).rejects.toMatchObject({ code: grpc.status.CANCELLED });
    await expect(client.cancelBuild({ projectId, id })).rejects.toMatchObject({
      code: grpc.status.FAILED_PRECONDITION,
    });
  });

  test.each<[string, Step, Build]>([
    ["of the build", {}, { timeout: { nanos: 400_000_000 } }],
    ["of a step", { timeout: { nanos: 400_000_000 } }, {}],
  ])("that exceeds the timeout %s is TIMEOUT", async (_whose, step, more) => {
    const build = await ended(await create([shell("hang", "sleep 1000", step)], more));
    expect(build).toMatchObject({ status: "TIMEOUT", steps: [{ status: "TIMEOUT" }] });
  });

  test("whose toolchain or image is missing here fails and names it", async () => {
    const cobol = await ended(await create([{ name: "tools/cobol", entrypoint: "sh", args: [] }]));
    expect(cobol.failureInfo?.detail).toContain("runtime-unavailable: cobc-of-1960");
    const other = await ended(await create([{ name: "elsewhere/x" }]));
    expect(other.failureInfo?.detail).toContain("runtime-unavailable: no local stand-in");
    expect(text()).toContain("runtime-unavailable: cobc-of-1960");
  });

  test("whose source is absent or hostile fails as FETCH_SOURCE_FAILED", async () => {
    await rm(join(dir, "source.tgz"));
    const absent = await ended(await create([shell("a", "true")]));
    expect(absent.failureInfo?.type).toBe("FETCH_SOURCE_FAILED");
    await writeFile(join(dir, "source.tgz"), "not a tarball");
    const garbage = await ended(await create([shell("a", "true")]));
    expect(garbage.failureInfo?.type).toBe("FETCH_SOURCE_FAILED");
  });

  test("cannot make the platform read a file through a link left as its output", async () => {
    const link = shell("link", "ln -s /etc/passwd $$BUILDER_OUTPUT/output");
    const build = await ended(await create([link]));
    expect(build.status).toBe("SUCCESS");
    expect(build.results?.buildStepOutputs?.[0]).toHaveLength(0);
  });
});

describe("after a restart", () => {
  test("an interrupted build runs again from its first step under the same id, once", async () => {
    const command =
      "echo run; if [ -e /cache/again ]; then exit 0; fi; touch /cache/again; sleep 1000";
    const id = await create([shell("twice", command)], { tags: ["attempt-1"] });
    await vi.waitFor(() => access(join(dir, "cache/again")), SOON);
    await client.close();
    await builder.stop();
    await start();
    expect((await ended(id)).status).toBe("SUCCESS");
    const [builds] = await client.listBuilds({ projectId, filter: 'tags="attempt-1"' });
    expect(builds.map((build) => build.id)).toEqual([id]);
    await vi.waitFor(
      () => expect(notices.map((n) => n.status)).toEqual(["QUEUED", "WORKING", "SUCCESS"]),
      SOON,
    );
    const ids = entries.map((entry) => entry.insertId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(builder.info()).toMatchObject({ created: 1, builds: { SUCCESS: 1 } });
  });

  test("notices nobody took are published in order", async () => {
    isTopicDown = true;
    const id = await create([shell("quick", "true")]);
    await ended(id);
    expect(notices).toEqual([]);
    await client.close();
    await builder.stop();
    isTopicDown = false;
    await start();
    await vi.waitFor(
      () => expect(notices.map((n) => n.status)).toEqual(["QUEUED", "WORKING", "SUCCESS"]),
      SOON,
    );
  });

  test("a waiting build that was cancelled stays cancelled", async () => {
    await client.close();
    await builder.stop();
    await start({ maxConcurrent: 1 });
    await create([shell("hang", "sleep 1000")]);
    const waiting = await create([shell("later", "true")]);
    const [cancelled] = await client.cancelBuild({ projectId, id: waiting });
    expect(cancelled.status).toBe("CANCELLED");
    await client.close();
    await builder.stop();
    await start();
    expect((await ended(waiting)).status).toBe("CANCELLED");
  });
});

function codeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => (error as { code: number }).code);
}

describe("the service", () => {
  test("lists a build by its tags as soon as it was created", async () => {
    const first = await create([shell("a", "true")], { tags: ["deployment-1", "attempt-1"] });
    await create([shell("a", "true")], { tags: ["deployment-1", "attempt-2"] });
    const filter = 'tags="deployment-1" AND tags="attempt-1"';
    const [builds] = await client.listBuilds({ projectId, filter, pageSize: 10 });
    expect(builds.map((build) => build.id)).toEqual([first]);
    const [all] = await client.listBuilds({ projectId, pageSize: 1 });
    expect(all).toHaveLength(2);
    const bad = client.listBuilds({ projectId, filter: "create_time>1" });
    await expect(bad).rejects.toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
  });

  test.each<[string, Step[], Build, number, RegExp]>([
    ["an unknown substitution", [shell("a", "echo $HOME")], {}, 3, /key "HOME".*\$\$HOME/],
    ["no steps", [], {}, 3, /steps/],
    ["a directory outside", [shell("a", "x", { dir: "../etc" })], {}, 3, /outside \/workspace/],
    ["a secret", [shell("a", "x", { secretEnv: ["S"] })], {}, 12, /secretEnv/],
    ["kaniko", [{ name: "gcr.io/kaniko-project/executor" }], {}, 12, /kaniko/],
    ["an image like an option", [shell("a", "x")], { images: ["--all"] }, 3, /no image reference/],
    ["a git source", [shell("a", "x")], { source: { gitSource: { url: "x" } } }, 12, /gitSource/],
  ])("refuses %s by name", async (_what, steps, more, code, message) => {
    const refused = client.createBuild(request(steps, more));
    await expect(refused).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
    expect((await client.listBuilds({ projectId }))[0]).toEqual([]);
  });

  test("answers unknown builds, other projects and other methods by name", async () => {
    expect(await codeOf(client.getBuild({ projectId, id: "none" }))).toBe(grpc.status.NOT_FOUND);
    expect(await codeOf(client.listBuilds({ projectId: "other" }))).toBe(
      grpc.status.PERMISSION_DENIED,
    );
    await expect(client.retryBuild({ projectId, id: "none" })).rejects.toMatchObject({
      code: grpc.status.UNIMPLEMENTED,
      message: expect.stringContaining("RetryBuild") as string,
    });
  });
});

test("pack in a build pushes an image that the kubelet's store unpacks", async () => {
  const registry = await startArtifactRegistry({
    projectId,
    dataDir: join(dir, "registry"),
    timers: systemTimers,
    log: silentLogger,
    authorize: async (credential) => credential?.token === "push-token",
  });
  try {
    const image = `${registry.registryHost}/${projectId}/apps/shop`;
    const args = ["--dir", "/workspace", "--image", `${image}:d1`, "--command", "cat hello.txt"];
    const env = ["PACK_REGISTRY_TOKEN=push-token"];
    const step: Step = { id: "pack", name: "tools/pack:1", entrypoint: "pack", args, env };
    const build = await ended(await create([step]));
    expect(text()).toContain("sha256:");
    expect(build.status).toBe("SUCCESS");
    const digest = Buffer.from(build.results?.buildStepOutputs?.[0] ?? "").toString();
    const store = createImageStore({
      cacheDir: join(dir, "images"),
      credential: { kind: "bearer", token: "push-token" },
    });
    const pulled = await store.pullImage(`${image}@${digest}`);
    expect(pulled.config.cmd).toEqual(["/bin/sh", "-c", "cat hello.txt"]);
    expect(await readFile(join(pulled.rootDir, "app/hello.txt"), "utf8")).toBe("from the source\n");
  } finally {
    await registry.stop();
  }
});
