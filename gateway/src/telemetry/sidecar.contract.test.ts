/** The sidecar's Node host as a process of its own against a real target and the real collector. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import { MemoryReplicas } from "../testing/memory-replicas.ts";
import {
  eventually,
  startTestGateway,
  TEST_SECRET,
  type TestGateway,
} from "../testing/test-gateway.ts";

let folder: string;
let entry: string;
let target: Server;
let status = 200;
let running: TestGateway;
let store: MemoryReplicas;
let children: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bifrost-sidecar-"));
  entry = join(folder, "sidecar.mjs");
  const source = new URL("../../../sidecar/host/node.ts", import.meta.url).pathname;
  buildSync({
    entryPoints: [source],
    outfile: entry,
    bundle: true,
    platform: "node",
    format: "esm",
  });
});

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  status = 200;
  store = new MemoryReplicas();
  target = createServer((_request, response) => response.writeHead(status).end());
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  running = await startTestGateway({ replicas: store });
});

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  children = [];
  target.close();
  target.closeAllConnections();
  await running.gateway.stop(0);
});

function startSidecar(changes: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [entry], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      DEPLOYMENT_ID: "abcdefghij",
      REPLICA: "pod-1",
      PROBE_HOST: "127.0.0.1",
      PROBE_PORT: String((target.address() as AddressInfo).port),
      PROBE_PATH: "/health",
      PROBE_INTERVAL_MS: "200",
      PROBE_TIMEOUT_MS: "2000",
      COLLECTOR_HOST: "127.0.0.1",
      COLLECTOR_PORT: String(running.gateway.controlPort),
      COLLECTOR_TOKEN: telemetryToken(TEST_SECRET, "abcdefghij"),
      ...changes,
    },
  });
  children.push(child);
  let errors = "";
  child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
  const exit = new Promise<number | null>((resolve) => void child.on("exit", resolve));
  return { child, exit, errors: () => errors };
}

const replica = () => running.gateway.collector.replicasOf("abcdefghij")[0];

test("a healthy target is stored as healthy after two passes, with its usage", async () => {
  const pidFile = join(folder, "app.pid");
  writeFileSync(pidFile, `${process.pid}\n`);
  startSidecar({ APP_PID_FILE: pidFile });
  await eventually("two passes are stored", () => (store.puts.at(-1)?.consecutivePasses ?? 0) >= 2);
  expect(store.puts.slice(-2).map((one) => one.consecutivePasses)).toEqual([1, 2]);
  await eventually("CPU is known", () => replica()?.cpuMillicores !== null);
  expect(replica()).toMatchObject({
    pod: "pod-1",
    healthy: true,
    lastResult: "ok",
    lastStatus: 200,
  });
  expect(replica()?.memoryBytes).toBeGreaterThan(10_000_000);
  expect(replica()?.descriptors).toBeGreaterThan(5);
  expect(replica()?.threads).toBeGreaterThan(3);
});

test("a target that turns bad is stored at once", async () => {
  startSidecar();
  await eventually("it is healthy", () => store.puts.at(-1)?.consecutivePasses === 2);
  status = 503;
  await eventually("it is unhealthy", () => store.puts.at(-1)?.healthy === false);
  expect(store.puts.at(-1)).toMatchObject({ lastResult: "status", lastStatus: 503 });
});

test("SIGTERM ends it with 0 within the grace, also while the collector is away", async () => {
  const connected = startSidecar();
  const alone = startSidecar({ COLLECTOR_PORT: "1" });
  await eventually("one is heard", () => replica() !== undefined);
  const before = Date.now();
  connected.child.kill("SIGTERM");
  expect(await connected.exit).toBe(0);
  alone.child.kill("SIGTERM");
  expect(await alone.exit).toBe(0);
  expect(Date.now() - before).toBeLessThan(5000);
});

test("a wrong token is refused and told on standard error", async () => {
  const { errors } = startSidecar({ COLLECTOR_TOKEN: telemetryToken(TEST_SECRET, "another") });
  await eventually("it is told", () => errors() !== "");
  expect(errors()).toBe("bifrost-sidecar: the collector answers 401\n");
  expect(replica()).toBeUndefined();
});

test("a malformed environment exits 64 with one line", async () => {
  const { exit, errors } = startSidecar({ PROBE_PORT: "" });
  expect(await exit).toBe(64);
  expect(errors()).toBe("bifrost-sidecar: PROBE_PORT is not set\n");
});
