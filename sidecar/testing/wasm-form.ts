/** The core as WebAssembly on a fake host: what the hosts of production do, with memory in between. */
import { compileCore } from "../../scripts/compile-core.mjs";
import type { FakeHost, RunningCore } from "./fake-host.ts";

interface Exports {
  readonly memory: WebAssembly.Memory;
  __new(size: number, kind: number): number;
  init(now: number): number;
  step(now: number): number;
  stop(now: number, graceMs: number): void;
}

/** The allocator is exported to see that nothing is allocated; the code is the one that ships. */
const module = new WebAssembly.Module(await compileCore({ flags: ["--exportRuntime"] }));

export function startWasm(host: FakeHost): RunningCore | number {
  const core = new WebAssembly.Instance(module, { host: imports(host, () => exports) });
  const exports = core.exports as unknown as Exports;
  const code = exports.init(host.now);
  if (code !== 0) return code;
  // The allocator never takes memory back: a block begins where the last one ended.
  const allocate = (): number => exports.__new(1, 0);
  const block = -allocate() + allocate();
  let last = allocate();
  return {
    step: (now) => exports.step(now),
    stop: (now, graceMs) => exports.stop(now, graceMs),
    growth() {
      const before = last;
      last = allocate();
      return last - before - block;
    },
  };
}

function imports(host: FakeHost, exports: () => Exports): Record<string, Function> {
  const read = (at: number, length: number): Buffer =>
    Buffer.from(new Uint8Array(exports().memory.buffer, at, length));
  const text = (at: number, length: number): string => read(at, length).toString("latin1");
  const write = (out: number, capacity: number, value: Buffer | string | undefined): number => {
    if (value === undefined) return -1;
    const bytes = typeof value === "string" ? Buffer.from(value, "latin1") : value;
    const target = new Uint8Array(exports().memory.buffer, out, capacity);
    target.set(bytes.subarray(0, capacity));
    return bytes.length;
  };
  return {
    hostEnv: (name: number, nameLength: number, out: number, capacity: number) =>
      write(out, capacity, host.environment[text(name, nameLength)]),
    hostRead: (path: number, pathLength: number, out: number, capacity: number) =>
      Math.min(capacity, write(out, capacity, host.readFile(text(path, pathLength)))),
    hostList(path: number, pathLength: number, after: number, out: number, capacity: number) {
      const found = host.list(text(path, pathLength), after, capacity);
      new Int32Array(exports().memory.buffer, out, capacity).set(found ?? []);
      return found?.length ?? -1;
    },
    hostDescriptors: (path: number, length: number) =>
      host.descriptors.get(text(path, length)) ?? -1,
    hostOwner: (path: number, length: number) => host.owner(text(path, length)),
    hostPid: () => host.pid,
    hostUid: () => host.uid,
    hostLog: (line: number, length: number) => void host.logs.push(text(line, length)),
    hostWall: () => host.wall(),
    hostRandom: () => host.random,
    hostCanOpen: (address: number, length: number) => Number(host.canOpen(text(address, length))),
    hostHasTls: () => Number(host.hasTls),
    hostOpen: (address: number, length: number, port: number, mode: number) =>
      host.open(text(address, length), port, mode),
    hostListen: (port: number) => host.listen(port),
    hostAccept: (handle: number) => host.accept(handle),
    hostState: (handle: number) => host.state(handle),
    hostSend: (handle: number, from: number, length: number) =>
      host.send(handle, read(from, length)),
    hostReceive(handle: number, out: number, capacity: number) {
      const got = host.receive(handle, capacity);
      return typeof got === "number" ? got : write(out, capacity, got);
    },
    hostWant: (handle: number, events: number) => host.want(handle, events),
    hostClose: (handle: number) => host.close(handle),
  };
}
