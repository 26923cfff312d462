/** HashiCorp's Serf as Debian has it, memberlist inside, with its profile for local networks; sealed as well. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import {
  BENCH_KEY,
  type Contender,
  type IdleTraffic,
  type NodeEvent,
  type RunningNode,
} from "./contender.ts";
import { EventLog } from "./event-log.ts";
import { commandAt, type Place } from "./place.ts";

const PORT = 7946;
const RPC_PORT = 7373;
const READY_MS = 10_000;
const METRICS_EVERY_MS = 10_000;

export const serf: Contender = {
  name: "serf",
  lacks: () =>
    spawnSync("serf", ["version"]).status === 0 ? null : "serf is not installed (Debian: serf)",
  async start(name, place, seed) {
    const node = new SerfNode(name, place, seed);
    await node.ready;
    return node;
  },
};

const PATTERNS: readonly [RegExp, (found: string, at: number) => NodeEvent][] = [
  [/serf: EventMemberJoin: (\S+)/, (member, at) => ({ kind: "joined", member, at })],
  [/serf: EventMemberFailed: (\S+)/, (member, at) => ({ kind: "failed", member, at })],
  [/memberlist: Suspect (\S+) has failed/, (member, at) => ({ kind: "suspected", member, at })],
  // At once; what comes after "agent:" waited for more of its kind.
  [/serf: messageUserEventType: (\S+)/, (id, at) => ({ kind: "heard", id, at })],
  [/agent: Requesting user event send: (\S+?)\.? /, (id, at) => ({ kind: "heard", id, at })],
];

class SerfNode implements RunningNode {
  readonly name: string;
  readonly pid: number;
  readonly ready: Promise<void>;
  private readonly log = new EventLog();
  private readonly child: ChildProcess;
  private readonly place: Place;
  private lines: string[] = [];

  constructor(name: string, place: Place, seed: Place | null) {
    this.name = name;
    this.place = place;
    const join = seed === null ? [] : [`-join=${seed.address}:${PORT}`];
    const [program, args] = commandAt(place, "serf", [
      "agent",
      `-node=${name}`,
      `-bind=${place.address}:${PORT}`,
      `-rpc-addr=${place.address}:${RPC_PORT}`,
      `-encrypt=${BENCH_KEY}`,
      "-profile=lan",
      "-log-level=debug",
      ...join,
    ]);
    this.child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.pid = this.child.pid ?? 0;
    this.ready = this.follow();
  }

  get events(): readonly NodeEvent[] {
    return this.log.events;
  }

  onEvent(listener: (event: NodeEvent) => void): () => void {
    return this.log.onEvent(listener);
  }

  async broadcast(id: string): Promise<void> {
    const payload = "x".repeat(Math.max(0, 100 - id.length));
    const rpc = `-rpc-addr=${this.place.address}:${RPC_PORT}`;
    const [program, args] = commandAt(this.place, "serf", [
      "event",
      rpc,
      "-coalesce=false",
      id,
      payload,
    ]);
    const [code] = (await once(spawn(program, args, { stdio: "ignore" }), "exit")) as [number];
    if (code !== 0) throw new Error(`serf event ended with ${code}`);
  }

  /** Serf prints its counters on SIGUSR1, in intervals of ten seconds; the one that still runs is left out. */
  async idleTraffic(ms: number): Promise<IdleTraffic> {
    await sleep(ms);
    this.lines = [];
    this.child.kill("SIGUSR1");
    await sleep(300);
    const intervals = Math.floor(ms / METRICS_EVERY_MS) - 1;
    const sent = this.lines.filter((line) => line.includes("memberlist.udp.sent"));
    const whole = sent.slice(-1 - intervals, -1);
    const numbers = whole.map((line) => /Count: (\d+)(?:.*?)Sum: ([\d.]+)/.exec(line));
    const seconds = (numbers.length * METRICS_EVERY_MS) / 1000;
    const sum = (part: 1 | 2) => numbers.reduce((total, found) => total + Number(found?.[part]), 0);
    return {
      packetsPerSecond: sum(1) / seconds,
      bytesPerSecond: sum(2) / seconds,
      streamBytesPerSecond: null,
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

  private follow(): Promise<void> {
    const { child } = this;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`serf ${this.name} did not start`)), READY_MS);
      child.once("exit", () => reject(new Error(`serf ${this.name} ended`)));
      for (const stream of [child.stdout, child.stderr]) {
        if (stream === null) continue;
        createInterface(stream).on("line", (line) => {
          this.read(line, performance.now());
          if (!line.includes("Serf agent running")) return;
          clearTimeout(late);
          resolve();
        });
      }
    });
  }

  private read(line: string, at: number): void {
    if (line.startsWith("[")) this.lines.push(line);
    for (const [pattern, event] of PATTERNS) {
      const [, found] = pattern.exec(line) ?? [];
      if (found !== undefined) this.log.add(event(found, at));
    }
  }
}
