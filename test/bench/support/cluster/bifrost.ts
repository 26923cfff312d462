/** The gossip process's membership over the mesh transport, sealed, bundled as for production. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { ROOT } from "../../../support/folders.ts";
import type { BenchNodeArgument, FromBenchNode, ToBenchNode } from "./bench-node.ts";
import {
  BENCH_KEY,
  type Contender,
  type IdleTraffic,
  type NodeEvent,
  type RunningNode,
} from "./contender.ts";
import { EventLog } from "./event-log.ts";
import { commandAt, type Place } from "./place.ts";

const PROGRAM = path.join(ROOT, "dist/bench/bench-node.mjs");
const PORT = 10_101;

export const OURS = "bifrost";

export async function bundledBifrost(): Promise<Contender> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [path.join(ROOT, "test/bench/support/cluster/bench-node.ts")],
    outfile: PROGRAM,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "error",
    minifySyntax: true,
  });
  return {
    name: OURS,
    lacks: () => null,
    async start(name, place, seed) {
      const node = new BifrostNode(name, place, seed);
      await node.ready;
      return node;
    },
  };
}

class BifrostNode implements RunningNode {
  readonly name: string;
  readonly pid: number;
  readonly ready: Promise<void>;
  private readonly log = new EventLog();
  private readonly child: ChildProcess;

  constructor(name: string, place: Place, seed: Place | null) {
    this.name = name;
    const argument: BenchNodeArgument = {
      id: name,
      address: place.address,
      port: PORT,
      seed: seed === null ? null : `${seed.address}:${PORT}`,
      key: BENCH_KEY,
    };
    const [program, args] = commandAt(place, process.execPath, [PROGRAM, JSON.stringify(argument)]);
    this.child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.pid = this.child.pid ?? 0;
    this.ready = new Promise((resolve, reject) => {
      this.child.once("exit", () => reject(new Error(`node ${name} ended`)));
      this.child.on("message", (message: FromBenchNode) => {
        if (message.kind === "up") resolve();
        else if (message.kind !== "counted") this.log.add({ ...message, at: performance.now() });
      });
    });
  }

  get events(): readonly NodeEvent[] {
    return this.log.events;
  }

  onEvent(listener: (event: NodeEvent) => void): () => void {
    return this.log.onEvent(listener);
  }

  broadcast(id: string): Promise<void> {
    this.tell({ kind: "broadcast", id });
    return Promise.resolve();
  }

  async idleTraffic(ms: number): Promise<IdleTraffic> {
    const before = await this.count();
    await sleep(ms);
    const after = await this.count();
    return {
      packetsPerSecond: ((after.packets - before.packets) * 1000) / ms,
      bytesPerSecond: ((after.packetBytes - before.packetBytes) * 1000) / ms,
      streamBytesPerSecond: ((after.streamBytes - before.streamBytes) * 1000) / ms,
    };
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill("SIGKILL");
    await once(this.child, "exit");
  }

  private count(): Promise<Extract<FromBenchNode, { kind: "counted" }>> {
    return new Promise((resolve) => {
      const listener = (message: FromBenchNode) => {
        if (message.kind !== "counted") return;
        this.child.off("message", listener);
        resolve(message);
      };
      this.child.on("message", listener);
      this.tell({ kind: "count" });
    });
  }

  private tell(message: ToBenchNode): void {
    this.child.send(message);
  }
}
