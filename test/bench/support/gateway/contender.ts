/** A proxy under measurement: a program with a folder and a port of its own, pinned to given cores. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { ROOT } from "../../../support/folders.ts";
import { descendantsOf, endWithTests } from "../../../support/processes.ts";
import { until } from "../../../support/until.ts";
import { cpuMsOf, memoryOf } from "../process-cost.ts";

/** Cores: the proxy has one for itself, the load and the upstream share the other. */
export const PROXY_CORE = "0";
export const LOAD_CORE = "1";
export const BOTH_CORES = `${PROXY_CORE},${LOAD_CORE}`;

/** What the policy does, beside nothing at all. */
export type Policy = "none" | "request" | "request and response";

/** What is asked of all contenders that are compared. */
export interface Task {
  readonly policy: Policy;
  readonly workers: number;
  /** A line of JSON for every request, into a file. */
  readonly hasAccessLog: boolean;
}

export interface Setting extends Task {
  /** Empty and readable by all: nginx drops its rights. */
  readonly folder: string;
  readonly port: number;
  /** Addresses of the two upstreams. */
  readonly upstreams: { readonly a: string; readonly b: string };
  readonly cores: string;
}

export interface Contender {
  readonly name: string;
  /** Why it cannot take part; null when it can. */
  lacks(task: Task): string | null;
  start(setting: Setting): Promise<RunningContender>;
}

export class RunningContender {
  readonly port: number;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** CPU time of the process and all that descend from it, in ms. */
  cpuMs(): number {
    return this.#pids().reduce((sum, pid) => sum + cpuMsOf(pid), 0);
  }

  residentMb(): number {
    return this.#pids().reduce((sum, pid) => sum + memoryOf(pid).residentKb, 0) / 1024;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
  }

  #pids(): readonly number[] {
    const { pid = 0 } = this.#child;
    return [pid, ...descendantsOf(pid).map((one) => one.pid)];
  }
}

export interface Program {
  readonly argv: readonly string[];
  readonly cores: string;
  readonly folder: string;
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Resolves once the port answers; throws with what the program printed when it ended instead. */
export async function startPinned(program: Program): Promise<RunningContender> {
  const child = spawn("taskset", ["-c", program.cores, ...program.argv], {
    cwd: program.folder,
    env: { ...process.env, ...program.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  endWithTests(child);
  let printed = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (printed += text));
  await until(
    async () => {
      if (child.exitCode !== null) return true;
      return answers(program.port);
    },
    { what: `${program.argv[0]} on port ${program.port}` },
  );
  if (child.exitCode === null) return new RunningContender(child, program.port);
  throw new Error(`${program.argv.join(" ")} ended with ${child.exitCode}:\n${printed}`);
}

/** Puts files that lie beside this one into a contender's folder. */
export function copyHere(folder: string, ...names: readonly string[]): void {
  for (const name of names) cpSync(supportFile(name), path.join(folder, name));
}

export function supportFile(name: string): string {
  return path.join(ROOT, "test/bench/support/gateway", name);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
