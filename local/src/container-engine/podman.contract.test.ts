/** Real podman builds behind the real Cloud Build client, pushed to the real registry stand-in. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { CloudBuildClient, type protos } from "@google-cloud/cloudbuild";
import { grpc } from "google-gax";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createImageStore } from "../artifact-registry/image-store.ts";
import { type RunningArtifactRegistry, startArtifactRegistry } from "../artifact-registry/index.ts";
import { startCloudBuild } from "../cloud-build/index.ts";
import { detectSandbox } from "../sandbox/detect-sandbox.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { makeSmallSystem } from "../sandbox/testing/small-system.ts";
import type { RunningStandIn } from "../stand-in.ts";
import { findGroups, groupPrefix } from "./engine-cgroups.ts";
import { createPodman, type PodmanOptions } from "./podman.ts";

type Build = protos.google.devtools.cloudbuild.v1.IBuild;
type Step = protos.google.devtools.cloudbuild.v1.IBuildStep;

const run = promisify(execFile);
const projectId = "bifrost-test";
const SYSTEM = "FROM scratch\nADD system.tar /\n";

let dir: string;
let sandbox: Sandbox;
let registry: RunningArtifactRegistry;
let builder: RunningStandIn;
let client: CloudBuildClient;
let output: string[];
let image: string;

function podman(more: Partial<PodmanOptions> = {}) {
  return createPodman({
    registry: registry.registryHost,
    registryToken: "token",
    home: dir,
    searchPath: process.env["PATH"] ?? "",
    timers: systemTimers,
    log: silentLogger,
    ...more,
  });
}

async function start(engine = podman()): Promise<void> {
  builder = await startCloudBuild({
    projectId,
    dataDir: join(dir, "data"),
    cacheDir: join(dir, "cache"),
    sandbox,
    timers: systemTimers,
    log: silentLogger,
    fetchSource: async ({ object }) => join(dir, object),
    stepImages: { "tools/docker": { engine }, "tools/": {} },
    writeLog: (batch) => void output.push(...batch.map((entry) => entry.textPayload)),
    publishNotice: async () => {},
  });
  client = new CloudBuildClient({
    projectId,
    apiEndpoint: "127.0.0.1",
    port: builder.port,
    sslCreds: grpc.credentials.createInsecure(),
  });
}

async function restart(engine: ReturnType<typeof podman>): Promise<void> {
  await client.close();
  await builder.stop();
  await start(engine);
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "podman-test-"));
  output = [];
  const common = { timers: systemTimers, log: silentLogger };
  sandbox = await detectSandbox({ ...common, stateDir: join(dir, "sandbox") });
  registry = await startArtifactRegistry({
    ...common,
    projectId,
    dataDir: join(dir, "registry"),
    authorize: async (credential) => credential?.token === "token",
  });
  image = `${registry.registryHost}/${projectId}/apps/shop:d1`;
  await start();
});

afterEach(async () => {
  await client.close();
  await builder.stop();
  await registry.stop();
  await sandbox.close();
  await rm(dir, { recursive: true, force: true });
});

/** The source: a Dockerfile beside a small system of its own. */
async function source(dockerfile: string): Promise<void> {
  const root = join(dir, "src/shop-1");
  await mkdir(root, { recursive: true });
  await mkdir(join(dir, "system"));
  makeSmallSystem(join(dir, "system"), "of the image");
  await run("tar", ["-C", join(dir, "system"), "-cf", join(root, "system.tar"), "."]);
  await writeFile(join(root, "Dockerfile"), dockerfile);
  await run("tar", ["-C", join(dir, "src"), "-czf", join(dir, "source.tgz"), "shop-1"]);
}

function docker(...args: string[]): Step {
  return { id: "docker", name: "tools/docker", entrypoint: "docker", args };
}

async function create(steps: Step[], images: string[] = []): Promise<string> {
  const storageSource = { bucket: "b", object: "source.tgz", generation: "1" };
  const build: Build = { source: { storageSource }, steps, images };
  const [operation] = await client.createBuild({ projectId, build });
  return (operation.metadata as unknown as { build: { id: string } }).build.id;
}

function ended(id: string): Promise<Build> {
  return vi.waitFor(
    async () => {
      const [build] = await client.getBuild({ projectId, id });
      expect(build.status).not.toMatch(/QUEUED|WORKING/);
      return build;
    },
    { timeout: 40_000, interval: 50 },
  );
}

function needPodman(skip: (note: string) => never): void {
  if (podman().unavailable() !== null) skip("podman is not installed");
}

/** What a build may leave on the machine. */
async function leftovers(): Promise<readonly string[]> {
  const mounts = await readFile("/proc/mounts", "utf8");
  return [
    ...findGroups(groupPrefix(dir)),
    ...mounts.split("\n").filter((line) => line.includes(dir)),
    ...(await readdir(join(dir, "data/work"))),
  ];
}

/** Processes that work for a build of this test. */
async function engineProcesses(): Promise<string> {
  const { stdout } = await run("pgrep", ["-f", dir]).catch(() => ({ stdout: "" }));
  return stdout;
}

test("a Dockerfile becomes an image whose own system the sandbox runs", async ({ skip }) => {
  needPodman(skip);
  if (!sandbox.level.startsWith("bwrap")) skip("bwrap is not installed");
  await source(`${SYSTEM}RUN echo made > /made\nENV WHO=you\nCMD ["sh"]\n`);
  const args = ["build", "--file", "Dockerfile", "--label", "team=a b", "--tag", image, "."];
  const build = await ended(await create([docker(...args)], [image]));
  expect(build).toMatchObject({ status: "SUCCESS", statusDetail: "" });
  const [pushed] = build.results?.images ?? [];
  expect(pushed?.name).toBe(image);
  const store = createImageStore({
    cacheDir: join(dir, "images"),
    credential: { kind: "bearer", token: "token" },
  });
  const pulled = await store.pullImage(image.replace(/:d1$/, `@${pushed?.digest}`));
  expect(pulled.config).toMatchObject({ cmd: ["sh"], env: { WHO: "you" } });
  const child = sandbox.spawn({
    label: "shop",
    argv: ["/bin/sh", "-c", 'read -r x < /made; read -r y < /etc/motto; echo "$x $y $WHO"'],
    env: pulled.config.env,
    cwd: "/",
    mounts: [],
    rootDir: pulled.rootDir,
  });
  const [out] = await Promise.all([text(child.stdout), text(child.stderr), child.exited]);
  expect(out).toBe("made of the image you\n");
  expect(await leftovers()).toEqual([]);
});

test("a failing RUN fails the step with what it printed", async ({ skip }) => {
  needPodman(skip);
  await source(`${SYSTEM}RUN echo about to fail && exit 3\n`);
  const build = await ended(await create([docker("build", "--tag", image, ".")], [image]));
  expect(build).toMatchObject({ status: "FAILURE", failureInfo: { type: "USER_BUILD_STEP" } });
  expect(output.join("\n")).toContain("about to fail");
  expect(build.results?.images).toEqual([]);
});

test("a cancelled build leaves no process, mount, cgroup or file", async ({ skip }) => {
  needPodman(skip);
  await source(`${SYSTEM}RUN echo started; sh -c 'kill -STOP $$'; true\n`);
  const id = await create([docker("build", "--tag", image, ".")]);
  await vi.waitFor(() => expect(output.join("\n").split("\n")).toContain("started"), 30_000);
  expect(await engineProcesses()).not.toBe("");
  const [build] = await client.cancelBuild({ projectId, id });
  expect(build.status).toBe("CANCELLED");
  expect(await engineProcesses()).toBe("");
  expect(await leftovers()).toEqual([]);
});

test("a push that the registry refuses fails the build as PUSH_FAILED", async ({ skip }) => {
  needPodman(skip);
  await restart(podman({ registryToken: "wrong" }));
  await source(SYSTEM);
  const build = await ended(await create([docker("build", "--tag", image, ".")], [image]));
  expect(build).toMatchObject({ status: "FAILURE", failureInfo: { type: "PUSH_FAILED" } });
});

test.for<[string, Step, RegExp]>([
  ["another command", docker("run", "x"), /"docker run" is not implemented here/],
  ["a shell", { name: "tools/docker", entrypoint: "sh", args: ["-c", "x"] }, /"sh -c" is not/],
  ["an unknown option", docker("build", "--volume", "/:/x", "."), /--volume/],
  ["a context outside", docker("build", "../.."), /"\.\.\/\.\." is outside|does not exist/],
  ["a missing Dockerfile", docker("build", "--file", "D", "."), /Dockerfile "D" does not exist/],
])("docker with %s is refused by name", async ([, step, message], { skip }) => {
  needPodman(skip);
  await source(SYSTEM);
  const build = await ended(await create([step]));
  expect(build.failureInfo?.detail).toMatch(message);
});

test("a link an earlier step made cannot lead the engine out of the workspace", async ({
  skip,
}) => {
  needPodman(skip);
  await source(SYSTEM);
  const link = { name: "tools/sh", entrypoint: "ln", args: ["-s", "/etc", "outside"] };
  const build = await ended(await create([link, docker("build", "outside")]));
  expect(build.failureInfo?.detail).toContain('the directory "outside" is outside the repository');
});

test("without podman a docker step says what to install", async () => {
  await restart(podman({ searchPath: join(dir, "nothing") }));
  await source(SYSTEM);
  const build = await ended(await create([docker("build", "--tag", image, ".")]));
  expect(build.failureInfo?.detail).toMatch(
    /runtime-unavailable: podman is not installed on this machine.*apt-get install podman/,
  );
});
