/** What the native host's functions answer, asked by a core that does nothing else. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { beforeAll, beforeEach, expect, it, vi } from "vitest";
import { compileCore } from "../../scripts/compile-core.mjs";
import { lacksNative, nativeBinary } from "../testing/native-binary.ts";
import { startProbed } from "../testing/probed-and-collector.ts";
import { startSidecar } from "../testing/running-sidecar.ts";
import { temporaryFolder } from "../testing/world.ts";

const WAIT = { timeout: 20_000, interval: 20 };

const lacking = lacksNative();
beforeEach(({ skip }) => {
  if (lacking !== null) skip(lacking);
});

/** Asks once and logs the answers, then listens and takes callers without ever closing one. */
const ASKING = `
@external("host", "hostList") declare function hostList(path: usize, length: i32, after: i32, out: usize, capacity: i32): i32;
@external("host", "hostDescriptors") declare function hostDescriptors(path: usize, length: i32): i32;
@external("host", "hostOwner") declare function hostOwner(path: usize, length: i32): i32;
@external("host", "hostRead") declare function hostRead(path: usize, length: i32, out: usize, capacity: i32): i32;
@external("host", "hostEnv") declare function hostEnv(name: usize, length: i32, out: usize, capacity: i32): i32;
@external("host", "hostCanOpen") declare function hostCanOpen(address: usize, length: i32): i32;
@external("host", "hostRandom") declare function hostRandom(): f64;
@external("host", "hostListen") declare function hostListen(port: i32): i32;
@external("host", "hostAccept") declare function hostAccept(handle: i32): i32;
@external("host", "hostLog") declare function hostLog(text: usize, length: i32): void;

const out = new Uint8Array(64);
const numbers = new Int32Array(3);
function latin(text: string): ArrayBuffer { return String.UTF8.encode(text); }
function at(text: ArrayBuffer): usize { return changetype<usize>(text); }
function log(text: string): void {
  const line = latin(text);
  hostLog(at(line), line.byteLength);
}
function env(name: string, capacity: i32): i32 {
  const bytes = latin(name);
  return hostEnv(at(bytes), bytes.byteLength, out.dataStart, capacity);
}
function taken(length: i32): string { return String.UTF8.decodeUnsafe(out.dataStart, length); }

let listener: i32 = -1;

export function init(now: f64): i32 {
  const folder = latin(taken(env("FOLDER", 64)));
  let found = "";
  for (let after = 5; ; after = numbers[2]) {
    const count = hostList(at(folder), folder.byteLength, after, numbers.dataStart, 3);
    for (let i = 0; i < count; i++) found += " " + numbers[i].toString();
    if (count < 3) break;
  }
  log("list" + found);
  const missing = latin("/nonexistent");
  log("missing " + hostList(at(missing), missing.byteLength, 0, numbers.dataStart, 3).toString() +
    " " + hostDescriptors(at(missing), missing.byteLength).toString() +
    " " + hostOwner(at(missing), missing.byteLength).toString() +
    " " + hostRead(at(missing), missing.byteLength, out.dataStart, 64).toString() +
    " " + env("NONE", 64).toString());
  const own = latin("/proc/self/fd");
  log("descriptors " + hostDescriptors(at(own), own.byteLength).toString());
  log("owner " + hostOwner(at(folder), folder.byteLength).toString());
  log("env " + env("LONG", 4).toString() + " " + taken(4));
  const file = latin(taken(env("FILE", 64)));
  log("read " + hostRead(at(file), file.byteLength, out.dataStart, 5).toString() + " " + taken(5));
  const random = hostRandom();
  log("random " + (random >= 0 && random < 1 && random != hostRandom()).toString());
  const names = ["127.0.0.1", "::1", "10.0.0.300", "1.2.3", "app.test", "-", "a b", ""];
  let allowed = "";
  for (let i = 0; i < names.length; i++) {
    const name = latin(names[i]);
    allowed += hostCanOpen(at(name), name.byteLength).toString();
  }
  log("open " + allowed);
  log("two lines\\nin\\u0001one");
  const port = env("PORT", 64);
  listener = port < 0 ? -1 : hostListen(i32(parseInt(taken(port))));
  return port < 0 ? 64 : 0;
}
export function step(now: f64): f64 {
  const caller = hostAccept(listener);
  if (caller >= 0) log("accepted " + caller.toString());
  return 60000;
}
export function stop(now: f64, grace: f64): void {}
`;

let wasm: Uint8Array;
beforeAll(async () => {
  wasm = await compileCore({ source: (name) => (name === "main.ts" ? ASKING : null) });
});

it.each([
  ["sidecar", "11000000"],
  ["sidecar-tls", "11001000"],
] as const)("%s answers what its core asks", async (variant, canOpen) => {
  const folder = temporaryFolder();
  for (const name of ["7", "30", "100", "9", "8", "5", "x8", "8x", "2147483647", "2147483648"]) {
    mkdirSync(path.join(folder, name));
  }
  const file = path.join(folder, "file");
  writeFileSync(file, "hello world");
  const binary = await nativeBinary(variant, { wasm });
  const run = startSidecar([binary], { FOLDER: folder, FILE: file, LONG: "x".repeat(200) });
  expect(await run.ended).toEqual({ code: 64, signal: null });
  // What the test runner leaves open is counted too.
  const lines = run
    .said()
    .trimEnd()
    .replace(/descriptors ([3-9]|\d\d)$/m, "descriptors some");
  expect(lines.split("\n")).toEqual(
    [
      "list 7 8 9 30 100 2147483647",
      "missing -1 -1 -1 -1 -1",
      "descriptors some",
      `owner ${process.getuid?.()}`,
      "env 200 xxxx",
      "read 5 hello",
      "random true",
      `open ${canOpen}`,
      "two lines?in?one",
    ].map((line) => `bifrost-sidecar: ${line}`),
  );
});

it("callers beyond the free handles are turned away, and keep nobody busy", async () => {
  const probed = await startProbed();
  await probed.close();
  const binary = await nativeBinary("sidecar", { wasm });
  const env = { FOLDER: "/", FILE: "/", LONG: "", PORT: String(probed.port) };
  const run = startSidecar([binary], env);
  await vi.waitUntil(() => run.said().includes("two lines"), WAIT);
  const descriptors = () => readdirSync(`/proc/${run.pid}/fd`).length;
  const atFirst = descriptors();
  let ended = 0;
  const callers = Array.from({ length: 10 }, () =>
    connect(probed.port, "127.0.0.1")
      .on("close", () => (ended += 1))
      .on("error", () => {}),
  );
  // Seven beside the listener; the core takes one at each step, and each caller is an event.
  await vi.waitUntil(() => ended === 3, WAIT);
  expect(run.said().match(/accepted \d/g)).toHaveLength(7);
  expect(descriptors()).toBe(atFirst + 7);
  // A loop that is kept awake uses time between any two of these readings.
  const used = () => execFileSync("cat", [`/proc/${run.pid}/schedstat`], { encoding: "utf8" });
  await vi.waitUntil(() => new Set(Array.from({ length: 5 }, used)).size === 1, WAIT);
  for (const caller of callers) caller.destroy();
});
