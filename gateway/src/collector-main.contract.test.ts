/** The collector as the program that the cluster runs. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { status } from "@grpc/grpc-js";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import { GrpcSidecar } from "./testing/grpc-sidecar.ts";
import { sampleLine } from "./testing/sample-line.ts";
import { eventually, TEST_SECRET } from "./testing/test-gateway.ts";

const ID = "abcdefghij";
const ROOT = new URL("../..", import.meta.url).pathname;

let folder: string;
let cloud: Server;
let commits: string[] = [];
let children: ChildProcess[] = [];

beforeAll(async () => {
  // Below the root, where it finds node_modules as dist/ does.
  folder = mkdtempSync(path.join(ROOT, "node_modules", ".collector-"));
  await build({
    entryPoints: [path.join(ROOT, "gateway/src/collector-main.ts")],
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    splitting: true,
    plugins: [
      {
        name: "external-packages",
        setup: (setup) =>
          setup.onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) =>
            kind === "entry-point" || name.startsWith("@bifrost/")
              ? null
              : { path: name, external: true },
          ),
      },
    ],
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Answers as the metadata server, issue-principal, Identity Toolkit and Firestore do. */
function answerTo(request: IncomingMessage, body: string): string {
  const url = request.url ?? "";
  if (url.endsWith(":commit")) {
    commits.push(body);
    const now = new Date().toISOString();
    return JSON.stringify({ commitTime: now, writeResults: [{ updateTime: now }] });
  }
  if (url.includes("issue-principal")) return JSON.stringify({ customToken: "custom" });
  if (url.includes("signInWithCustomToken")) {
    return JSON.stringify({ idToken: "id", refreshToken: "r", expiresIn: "3600" });
  }
  return `e30.${Buffer.from(JSON.stringify({ exp: Date.now() / 1000 + 3600 })).toString("base64url")}.e30`;
}

beforeEach(async () => {
  commits = [];
  cloud = createServer((request, response) => {
    let body = "";
    request.on("data", (data: Buffer) => (body += data.toString()));
    request.on("end", () => response.end(answerTo(request, body)));
  });
  await new Promise<void>((resolve) => cloud.listen(0, "127.0.0.1", resolve));
});

afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children = [];
  cloud.close();
  cloud.closeAllConnections();
});

function start(changes: Readonly<Record<string, string>> = {}) {
  const address = `http://127.0.0.1:${(cloud.address() as AddressInfo).port}`;
  const child = spawn(process.execPath, [path.join(folder, "collector-main.mjs")], {
    cwd: tmpdir(),
    env: {
      GOOGLE_CLOUD_PROJECT: "p",
      BIFROST_FUNCTIONS_URL: address,
      BIFROST_FIRESTORE_URL: address,
      BIFROST_IDENTITY_TOOLKIT_URL: address,
      BIFROST_METADATA_URL: address,
      BIFROST_FIREBASE_API_KEY: "k",
      BIFROST_TELEMETRY_SECRET: TEST_SECRET,
      BIFROST_CONTROL_HOST: "127.0.0.1",
      BIFROST_CONTROL_PORT: "0",
      BIFROST_TELEMETRY_GRPC_PORT: "0",
      ...changes,
    },
  });
  children.push(child);
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (output += data.toString()));
  const exit = new Promise<number | null>((resolve) => void child.on("exit", resolve));
  return { child, exit, output: () => output };
}

async function ready(output: () => string) {
  await eventually("it is ready", () => output().includes('"ready":true'), 20_000);
  const line =
    output()
      .split("\n")
      .find((one) => one.includes('"ready":true')) ?? "";
  return JSON.parse(line) as { readonly controlPort: number; readonly telemetryGrpcPort: number };
}

test("it takes reports over both transports, and at SIGTERM stores what is not stored yet and ends with 0", async () => {
  const { child, exit, output } = start();
  const { controlPort, telemetryGrpcPort } = await ready(output);
  const url = `http://127.0.0.1:${controlPort}`;
  expect(await (await fetch(`${url}/ready`)).json()).toEqual({ ready: true, collecting: true });
  const authorization = `Bearer ${telemetryToken(TEST_SECRET, ID)}`;
  const sidecar = new GrpcSidecar(telemetryGrpcPort);
  const stream = sidecar.report({ authorization, "bifrost-deployment": ID });
  stream.send(sampleLine({ pod: "one", seq: 1 }));
  await eventually("it is acknowledged", () => stream.acks.at(-1) === 1);
  await eventually("it is stored", () => commits.length === 1);
  const report = (seq: number) =>
    fetch(`${url}/v1/telemetry/${ID}`, {
      method: "POST",
      headers: { authorization },
      body: JSON.stringify(sampleLine({ pod: "two", seq })),
    });
  expect((await report(1)).status).toBe(204);
  await eventually("it is stored", () => commits.length === 2);
  // Figures alone would wait for five seconds.
  expect((await report(2)).status).toBe(204);
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('outcome="accepted"} 3');
  child.kill("SIGTERM");
  expect(await stream.ended).toMatchObject({ code: status.UNAVAILABLE });
  expect(await exit).toBe(0);
  sidecar.close();
  expect(commits).toHaveLength(3);
  expect(commits[2]).toContain('"integerValue":"2"');
});

test("a wrong environment ends it with 78 and names every variable", async () => {
  const { exit, output } = start({
    BIFROST_TELEMETRY_SECRET: "",
    BIFROST_TELEMETRY_GRPC_PORT: "x",
  });
  expect(await exit).toBe(78);
  expect(output()).toMatch(/BIFROST_TELEMETRY_SECRET is not set/);
  expect(output()).toMatch(/BIFROST_TELEMETRY_GRPC_PORT: must be a whole number/);
});

test("a port that is taken ends it with 1 and is named", async () => {
  const taken = String((cloud.address() as AddressInfo).port);
  const { exit, output } = start({ BIFROST_TELEMETRY_GRPC_PORT: taken });
  expect(await exit).toBe(1);
  expect(output()).toContain(`The collector's gRPC port cannot listen on 127.0.0.1:${taken}`);
});
