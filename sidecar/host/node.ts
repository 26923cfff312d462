/** The sidecar on Node: the compiled core with real sockets, /proc and signals. */
import core from "./core.wasm";
import { isIP } from "node:net";
import { countDescriptors, listInto, ownerOf, readInto } from "./files.ts";
import { Sockets } from "./sockets.ts";
import { Trust } from "./trust.ts";

/** How long what is queued is still sent after SIGTERM. */
const FLUSH_MS = 2000;

/** `step` says so when the program is over. */
const DONE = -1;

/** sysexits.h: a malformed environment, and a fault of this program's own. */
const EXIT_MALFORMED = 64;
const EXIT_FAULT = 70;

/** setTimeout takes more for less. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** With a letter: digits and dots alone are an address that is wrong. */
const HOST_NAME = /^(?=.{1,253}$)(?=.*[A-Za-z])[A-Za-z0-9_.-]+$/;

/** What the compiled core offers. */
interface Core {
  readonly memory: WebAssembly.Memory;
  readonly init: (now: number) => number;
  readonly step: (now: number) => number;
  readonly stop: (now: number, graceMs: number) => void;
}

const { env } = process;
const trust = new Trust(env);
const sockets = new Sockets(trust, wake);
const { memory, init, step, stop } = startCore();
let timer: NodeJS.Timeout | undefined;
let isDue = false;

process.on("uncaughtException", fail);
// Nobody reads there any more: what is said is lost, and no reason to end.
process.stderr.on("error", () => undefined);
process.on("SIGTERM", end);
process.on("SIGINT", end);
const problem = trust.problem();
if (problem !== null) {
  log(problem);
  process.exit(EXIT_MALFORMED);
}
const code = init(monotonicMs());
if (code !== 0) process.exit(code);
advance();

function advance(): void {
  isDue = false;
  clearTimeout(timer);
  const waitMs = step(monotonicMs());
  if (waitMs === DONE) process.exit(0);
  if (sockets.isAnyReady()) wake();
  else timer = setTimeout(advance, Math.min(waitMs, LONGEST_WAIT_MS));
}

function wake(): void {
  if (isDue) return;
  isDue = true;
  setImmediate(advance);
}

function end(): void {
  stop(monotonicMs(), FLUSH_MS);
  wake();
}

function fail(error: Error): never {
  log(error instanceof WebAssembly.RuntimeError ? `trap: ${error.message}` : String(error));
  process.exit(EXIT_FAULT);
}

function log(line: string): void {
  process.stderr.write(`bifrost-sidecar: ${line}\n`);
}

function monotonicMs(): number {
  return Math.floor(performance.now());
}

/** Memory of the core from `at` on; a view is only good until the core runs again. */
function bytes(at: number, length: number): Buffer {
  return Buffer.from(memory.buffer, at, length);
}

function text(at: number, length: number): string {
  return bytes(at, length).toString("latin1");
}

function canOpen(address: string): boolean {
  return isIP(address) !== 0 || HOST_NAME.test(address);
}

function readVariable(name: string, into: Buffer): number {
  const value = env[name];
  if (value === undefined) return -1;
  const encoded = Buffer.from(value);
  encoded.copy(into);
  return encoded.length;
}

function startCore(): Core {
  const host = {
    hostEnv: (name: number, length: number, out: number, capacity: number) =>
      readVariable(text(name, length), bytes(out, capacity)),
    hostRead: (path: number, length: number, out: number, capacity: number) =>
      readInto(text(path, length), bytes(out, capacity)),
    hostList: (path: number, length: number, after: number, out: number, capacity: number) =>
      listInto(text(path, length), after, bytes(out, capacity * 4)),
    hostDescriptors: (path: number, length: number) => countDescriptors(text(path, length)),
    hostOwner: (path: number, length: number) => ownerOf(text(path, length)),
    hostPid: () => process.pid,
    hostUid: () => process.geteuid?.() ?? 0,
    hostLog: (line: number, length: number) => log(text(line, length)),
    hostWall: () => Date.now(),
    hostRandom: () => Math.random(),
    hostCanOpen: (address: number, length: number) => Number(canOpen(text(address, length))),
    hostHasTls: () => 1,
    hostOpen: (address: number, length: number, port: number, mode: number) =>
      sockets.open(text(address, length), port, mode),
    hostListen: (port: number) => sockets.listen(port),
    hostAccept: (handle: number) => sockets.accept(handle),
    hostState: (handle: number) => sockets.state(handle),
    hostSend: (handle: number, from: number, length: number) =>
      sockets.send(handle, bytes(from, length)),
    hostReceive: (handle: number, out: number, capacity: number) =>
      sockets.receive(handle, bytes(out, capacity)),
    hostWant: (handle: number, events: number) => sockets.want(handle, events),
    hostClose: (handle: number) => sockets.close(handle),
  };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(core), { host });
  return exports as Core;
}
