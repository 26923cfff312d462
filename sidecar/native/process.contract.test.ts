/** The native sidecar as a process: alone in a namespace, in an empty file system, on another machine, and when it traps. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import wabt from "wabt";
import { lacksNative, nativeBinary } from "../testing/native-binary.ts";
import { sidecarEnvironment, startCollector } from "../testing/probed-and-collector.ts";
import { type RunningSidecar, startSidecar } from "../testing/running-sidecar.ts";
import { startWorld, temporaryFolder } from "../testing/world.ts";
import { VARIANTS } from "./variant.ts";
import { lacksNamespaces, lacksProgram, NEW_USER } from "../testing/vitest-tools.ts";

const WAIT = { timeout: 20_000, interval: 20 };
/** More than a report takes, less than the samples of a second. */
const SOME = 5;

const lacking = lacksNative();
const lackingNamespaces = lacksNamespaces();
beforeEach(({ skip }) => {
  if (lacking !== null) skip(lacking);
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function visit(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Hundredths of a second that the process has computed for. */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** The process that `unshare` started: the sidecar. */
async function onlyChildOf({ pid }: RunningSidecar): Promise<number> {
  const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return Number(await vi.waitUntil(children, WAIT));
}

describe("in namespaces of its own", () => {
  beforeEach(({ skip }) => {
    if (lackingNamespaces !== null) skip(lackingNamespaces);
  });
  const unshare = ["/usr/bin/unshare", ...NEW_USER, "--pid", "--fork", "--kill-child"];

  it("as process 1 it waits for the children that were left to it, and ends with 0 on SIGTERM", async () => {
    const { collector, ports } = await startWorld();
    // The shell starts a child and becomes the sidecar, which then has a child that it never started.
    const shell = ["/bin/sh", "-c", 'sleep 0.2 & exec "$0"', await nativeBinary("sidecar")];
    const run = startSidecar([...unshare, ...shell], {
      ...sidecarEnvironment(ports),
      PATH: "/usr/bin:/bin",
    });
    const sidecar = await onlyChildOf(run);
    await vi.waitUntil(() => collector.samples.length >= SOME, WAIT);
    const children = () => readFileSync(`/proc/${sidecar}/task/${sidecar}/children`, "utf8");
    await vi.waitUntil(() => children() === "", WAIT);
    process.kill(sidecar, "SIGTERM");
    expect(await run.ended).toEqual({ code: 0, signal: null });
  });

  it("it needs nothing of the file system but itself and /proc", async () => {
    const { collector, ports } = await startWorld();
    const root = temporaryFolder();
    mkdirSync(path.join(root, "proc"));
    copyFileSync(await nativeBinary("sidecar"), path.join(root, "sidecar"));
    const alone = [`--root=${root}`, "--mount-proc=/proc", "/sidecar"];
    const run = startSidecar([...unshare, ...alone], sidecarEnvironment(ports));
    await vi.waitUntil(() => collector.samples.length >= SOME, WAIT);
    expect(collector.samples.at(-1)).toMatchObject({ result: 1, status: 200, healthy: true });
    expect(readdirSync(root).toSorted()).toEqual(["proc", "sidecar"]);
    process.kill(await onlyChildOf(run), "SIGTERM");
    expect(await run.ended).toEqual({ code: 0, signal: null });
  });
});

it("without a free descriptor it sleeps while a visitor waits", async () => {
  const { ports } = await startWorld();
  const visitedPort = await freePort();
  const shell = [
    "/bin/sh",
    "-c",
    'exec 3<&0 4<&0 5<&0; ulimit -n 8; exec "$0"',
    await nativeBinary("sidecar"),
  ];
  const quiet = { PROBE_INTERVAL_MS: "3600000", LIVENESS_PORT: String(visitedPort) };
  const run = startSidecar(shell, { ...sidecarEnvironment(ports, quiet), PROBE_HOST: "192.0.2.1" });
  const visitors = await vi.waitFor(
    () => Promise.all([1, 2, 3].map(() => visit(visitedPort))),
    WAIT,
  );
  onTestFinished(() => visitors.forEach((visitor) => visitor.destroy()));
  const before = cpuTicks(run.pid);
  await setTimeout(1000);
  expect(cpuTicks(run.pid) - before).toBeLessThan(10);
});

it("probes and reports to IPv6 addresses", async () => {
  const { collector, ports } = await startWorld({ address: "::1" });
  const addresses = { PROBE_HOST: "::1", COLLECTOR_HOST: "::1" };
  const run = startSidecar([await nativeBinary("sidecar")], sidecarEnvironment(ports, addresses));
  await vi.waitUntil(() => collector.samples.length >= SOME, WAIT);
  expect(collector.samples.at(-1)).toMatchObject({ result: 1, status: 200, healthy: true });
  expect(await run.terminate()).toEqual({ code: 0, signal: null });
});

it("an answer that comes in pieces of 64 bytes is one answer", async () => {
  const collector = await startCollector();
  const head = `HTTP/1.1 200 OK\r\nx-filler: ${"x".repeat(500)}\r\ncontent-length: 2\r\n\r\nok`;
  const server = createServer((socket) => {
    socket.setNoDelay(true).on("error", () => {});
    const pieces = head.match(/[^]{1,64}/g) ?? [];
    const next = () => {
      const piece = pieces.shift();
      if (piece !== undefined) socket.write(piece, () => setImmediate(next));
    };
    socket.once("data", next);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.close();
    await collector.close();
  });
  const ports = { probed: (server.address() as AddressInfo).port, collector: collector.port };
  startSidecar([await nativeBinary("sidecar")], sidecarEnvironment(ports));
  await vi.waitUntil(() => collector.samples.length >= SOME, WAIT);
  expect(collector.samples.at(-1)).toMatchObject({ result: 1, status: 200 });
});

describe("the build for arm64", () => {
  const lackingArm = lacksNative("arm64") ?? lacksProgram("qemu-aarch64", "qemu-user");
  beforeEach(({ skip }) => {
    if (lackingArm !== null) skip(lackingArm);
  });

  it.each(VARIANTS)("%s probes, reports and ends with 0, run by qemu", async (variant) => {
    const { collector, ports } = await startWorld();
    const binary = await nativeBinary(variant, { machine: "arm64" });
    const run = startSidecar(["/usr/bin/qemu-aarch64", binary], sidecarEnvironment(ports));
    await vi.waitUntil(() => collector.samples.length >= SOME, WAIT);
    expect(collector.samples.at(-1)).toMatchObject({ result: 1, status: 200, healthy: true });
    expect(await run.terminate()).toEqual({ code: 0, signal: null });
  });
});

/** What a core does wrong, by what its words on stderr say; the last one does nothing wrong. */
const DEEDS = [
  ["writes beyond its memory", "(i32.store (i32.const 131072) (i32.const 1))", "access outside"],
  [
    "reads as far away as it can",
    "(drop (i64.load offset=0xffffffff (i32.const -1)))",
    "access outside",
  ],
  [
    "fills beyond its memory",
    "(memory.fill (i32.const 131071) (i32.const 0) (i32.const 2))",
    "out of range",
  ],
  ["calls itself for ever", "(drop (call $endless (i32.const 0)))", "access outside"],
  ["divides by zero", "(drop (i32.div_s (i32.const 1) (local.get $zero)))", "division by zero"],
  ["gives up", "(unreachable)", "the core gave up"],
] as const;

const GROWS = `(if (i32.ne (memory.grow (i32.const 6)) (i32.const 2)) (then unreachable))
  (i32.store (i32.const 524284) (i32.const 1))
  (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))`;

/** A core whose step does the deed whose index is in the variable DEED. */
async function coreOfDeeds(): Promise<Uint8Array> {
  const deeds = [...DEEDS.map(([, deed]) => deed), GROWS].map(
    (deed, index) => `(if (i32.eq (local.get $deed) (i32.const ${48 + index})) (then ${deed}))`,
  );
  const text = `(module
    (import "host" "hostEnv" (func $env (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2 8)
    (data (i32.const 8) "DEED")
    (func $endless (param $n i32) (result i32)
      (i32.store (i32.const 0) (call $endless (i32.add (local.get $n) (i32.const 1))))
      (i32.load (i32.const 0)))
    (func (export "init") (param f64) (result i32) (i32.const 0))
    (func (export "step") (param f64) (result f64) (local $deed i32) (local $zero i32)
      (drop (call $env (i32.const 8) (i32.const 4) (i32.const 16) (i32.const 1)))
      (local.set $deed (i32.load8_u (i32.const 16)))
      ${deeds.join("\n")}
      (f64.const -1))
    (func (export "stop") (param f64 f64)))`;
  const module = (await wabt()).parseWat("core.wat", text);
  return module.toBinary({}).buffer;
}

it.each(DEEDS.map((deed, index) => [...deed, index] as const))(
  "a core that %s ends with 70 and one line",
  async (_, _deed, words, index) => {
    const binary = await nativeBinary("sidecar", { wasm: await coreOfDeeds() });
    const run = startSidecar([binary], { DEED: String(index) });
    expect(await run.ended).toEqual({ code: 70, signal: null });
    expect(run.said()).toMatch(new RegExp(`^bifrost-sidecar: trap: .*${words}.*\\n$`));
  },
);

it("memory that grows can be used, and no more than the core's maximum", async () => {
  const binary = await nativeBinary("sidecar", { wasm: await coreOfDeeds() });
  const run = startSidecar([binary], { DEED: String(DEEDS.length) });
  expect(await run.ended).toEqual({ code: 0, signal: null });
});
