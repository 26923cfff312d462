/** The native sidecar as a process: alone in a namespace, in an empty file system, on another machine, and when it traps. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
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

/** A core of which only `step` does anything. */
async function coreWhoseStep(does: string): Promise<Uint8Array> {
  const text = `(module
    (import "host" "hostWall" (func (result f64)))
    (memory (export "memory") 2 8)
    (global $zero (mut i32) (i32.const 0))
    (func $endless (param $n i32) (result i32)
      (i32.store (i32.const 0) (call $endless (i32.add (local.get $n) (i32.const 1))))
      (i32.load (i32.const 0)))
    (func (export "init") (param f64) (result i32) (i32.const 0))
    (func (export "step") (param f64) (result f64) ${does} (f64.const -1))
    (func (export "stop") (param f64 f64)))`;
  const module = (await wabt()).parseWat("core.wat", text);
  return module.toBinary({}).buffer;
}

it.each([
  ["writes beyond its memory", "(i32.store (i32.const 131072) (i32.const 1))", "access outside"],
  [
    "reads as far away as it can",
    "(drop (i64.load offset=0xffffffff (i32.const -1)))",
    "access outside",
  ],
  [
    "copies beyond its memory",
    "(memory.fill (i32.const 131071) (i32.const 0) (i32.const 2))",
    "out of range",
  ],
  ["calls itself for ever", "(drop (call $endless (i32.const 0)))", "access outside"],
  ["divides by zero", "(drop (i32.div_s (i32.const 1) (global.get $zero)))", "division by zero"],
  ["gives up", "(unreachable)", "the core gave up"],
])("a core that %s ends with 70 and one line", async (_, does, words) => {
  const binary = await nativeBinary("sidecar", { wasm: await coreWhoseStep(does) });
  const run = startSidecar([binary], {});
  expect(await run.ended).toEqual({ code: 70, signal: null });
  expect(run.said()).toMatch(new RegExp(`^bifrost-sidecar: trap: .*${words}.*\\n$`));
});

it("memory that grows can be used, and no more than the core's maximum", async () => {
  const growing = `(if (i32.ne (memory.grow (i32.const 6)) (i32.const 2)) (then unreachable))
    (i32.store (i32.const 524284) (i32.const 1))
    (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))`;
  const binary = await nativeBinary("sidecar", { wasm: await coreWhoseStep(growing) });
  expect(await startSidecar([binary], {}).ended).toEqual({ code: 0, signal: null });
});
