/** Starts one host command of an isolation and gives it the life every level promises: signals, limits, a full end. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { constants } from "node:os";
import { Readable } from "node:stream";
import type { Writable } from "node:stream";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Cgroup } from "./cgroup.ts";
import { isGuard } from "./isolate-plain.ts";
import type { HostCommand } from "./isolation.ts";
import type { MemoryWatch } from "./memory-watch.ts";
import { descendantsOf, isAlive, readProcess, readProcesses } from "./process-table.ts";
import type { ProcessEntry } from "./process-table.ts";
import type { ExitReport, SandboxedProcess, SandboxSpec } from "./sandbox.ts";

export interface Surroundings {
  readonly timers: Timers;
  readonly log: Logger;
  readonly watch: MemoryWatch;
}

const POLL_MS = 10;
const KILL_WAIT_MS = 10_000;
const CGROUP_WAIT_MS = 1000;
/** How long a signal waits for the wrapper to have started the command. */
const START_WAIT_MS = 2000;
const NOT_FOUND_EXIT = 127;
const SIGNAL_BASE = 128;

export function spawnSandboxed(
  spec: SandboxSpec,
  command: HostCommand,
  cgroup: Cgroup | undefined,
  around: Surroundings,
): SandboxedProcess {
  const [program, ...args] = command.argv;
  const child = spawn(program ?? "", args, {
    cwd: command.cwd,
    env: { ...command.env },
    detached: command.detached,
    stdio: [command.stdinText === undefined ? "ignore" : "pipe", "pipe", "pipe", "pipe"],
  });
  feed(child.stdin, command.stdinText);
  const guard = child.stdio[3] as Writable | null | undefined;
  if (command.argsText === undefined) guard?.on("error", () => {});
  else feed(guard, command.argsText);
  return new Running(spec, command, child, cgroup, around);
}

/** The reader may be gone before it has read: its exit code tells why, not the broken pipe. */
function feed(pipe: Writable | null | undefined, text: string | undefined): void {
  pipe?.on("error", () => {});
  if (text !== undefined) pipe?.end(text);
}

class Running implements SandboxedProcess {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<ExitReport>;
  readonly #spec: SandboxSpec;
  readonly #command: HostCommand;
  readonly #child: ChildProcess;
  readonly #cgroup: Cgroup | undefined;
  readonly #around: Surroundings;
  /** Seen inside at some time: what is left of it must still be found after the wrapper is gone. */
  #known = new Map<number, ProcessEntry>();
  #outOfMemory = false;
  #ended = false;

  constructor(
    spec: SandboxSpec,
    command: HostCommand,
    child: ChildProcess,
    cgroup: Cgroup | undefined,
    around: Surroundings,
  ) {
    this.#spec = spec;
    this.#command = command;
    this.#child = child;
    this.#cgroup = cgroup;
    this.#around = around;
    this.pid = child.pid ?? -1;
    this.stdout = child.stdout ?? Readable.from([]);
    this.stderr = child.stderr ?? Readable.from([]);
    const unwatch = this.#watchMemory();
    this.exited = this.#exit().finally(unwatch);
  }

  signal(name: "SIGTERM" | "SIGKILL" | "SIGINT"): void {
    if (this.#ended) return;
    if (name === "SIGKILL") void this.kill();
    else void this.#signalCommand(name);
  }

  async kill(): Promise<void> {
    const deadline = this.#around.timers.now() + KILL_WAIT_MS;
    // A stopped wrapper starts nothing more while its children are being collected.
    if (!this.#ended) send(this.pid, "SIGSTOP");
    let left = this.#inside();
    while (left.length > 0 || !this.#ended) {
      for (const entry of left) send(entry.pid, "SIGKILL");
      if (!this.#ended) send(this.pid, "SIGKILL");
      if (this.#around.timers.now() > deadline) {
        this.#around.log.error("sandbox does not empty", {
          label: this.#spec.label,
          pids: left.map((entry) => entry.pid),
        });
        return;
      }
      await this.#around.timers.sleep(POLL_MS);
      left = this.#inside();
    }
  }

  processIds(): Promise<readonly number[]> {
    return Promise.resolve(this.#commandProcesses().map((entry) => entry.pid));
  }

  /** Everything of this sandbox but the spawned process itself; remembers what it saw. */
  #inside(table: readonly ProcessEntry[] = readProcesses()): readonly ProcessEntry[] {
    if (this.pid < 0) return [];
    // Once the spawned process has been waited for, its number may belong to a stranger.
    const tree = this.#ended ? [] : descendantsOf(table, this.pid);
    for (const entry of tree) this.#known.set(entry.pid, entry);
    if (this.#command.detached) {
      for (const entry of table) if (this.#isInSession(entry)) this.#known.set(entry.pid, entry);
    }
    for (const entry of this.#known.values()) {
      if (!isAlive(entry)) this.#known.delete(entry.pid);
    }
    return [...this.#known.values()].toSorted((a, b) => a.startTicks - b.startTicks);
  }

  #commandProcesses(table?: readonly ProcessEntry[]): readonly ProcessEntry[] {
    if (this.#ended) return [];
    const inside = this.#inside(table);
    if (this.#command.wrapperDepth > 0) return inside.filter((entry) => entry.parent !== this.pid);
    const self = readProcess(this.pid);
    return [...(self === undefined ? [] : [self]), ...inside].filter(
      (entry) => !isGuard(entry.pid),
    );
  }

  /** The guard stays in the session until the end, so its number cannot be given to another one. */
  #isInSession(entry: ProcessEntry): boolean {
    return entry.session === this.pid && entry.pid !== this.pid && !entry.zombie;
  }

  /** The command itself: what Kubernetes calls the container's main process. */
  #mainPid(): number | undefined {
    if (this.#command.wrapperDepth === 0) return this.pid;
    const inside = this.#inside();
    const init = inside.find((entry) => entry.parent === this.pid);
    return inside.find((entry) => entry.parent === init?.pid)?.pid;
  }

  async #signalCommand(name: "SIGTERM" | "SIGINT"): Promise<void> {
    const deadline = this.#around.timers.now() + START_WAIT_MS;
    while (!this.#ended) {
      const pid = this.#mainPid();
      if (pid !== undefined) return send(pid, name);
      if (this.#around.timers.now() > deadline) return send(this.pid, "SIGKILL");
      await this.#around.timers.sleep(POLL_MS);
    }
  }

  async #exit(): Promise<ExitReport> {
    const exitCode = await new Promise<number>((resolve) => {
      this.#child.once("error", (error) => {
        this.#around.log.error("sandbox did not start", {
          label: this.#spec.label,
          why: error.message,
        });
        resolve(NOT_FOUND_EXIT);
      });
      this.#child.once("exit", (code, signal) => {
        resolve(code ?? SIGNAL_BASE + (signal === null ? 0 : constants.signals[signal]));
      });
    });
    this.#ended = true;
    await this.kill();
    this.#child.stdio[3]?.destroy();
    const outOfMemory = this.#outOfMemory || (this.#cgroup?.oomKills() ?? 0) > 0;
    await this.#release();
    if (outOfMemory) return { exitCode: exitCode === 0 ? 137 : exitCode, reason: "oom-killed" };
    return { exitCode, reason: exitCode === 0 ? "completed" : "error" };
  }

  /** A cgroup can be removed only a moment after its last process: the kernel empties it late. */
  async #release(): Promise<void> {
    for (const path of this.#command.scratch) rmSync(path, { recursive: true, force: true });
    const deadline = this.#around.timers.now() + CGROUP_WAIT_MS;
    while (this.#cgroup?.remove() === false) {
      if (this.#around.timers.now() > deadline) {
        this.#around.log.warn("cgroup not removed", { label: this.#spec.label });
        return;
      }
      await this.#around.timers.sleep(POLL_MS);
    }
  }

  #watchMemory(): () => void {
    const limitBytes = this.#spec.memoryBytes;
    if (limitBytes === undefined) return () => {};
    return this.#around.watch.add({
      limitBytes,
      // The kernel's own limit is exact where there is one; then only its verdict is looked at.
      pids: (table) =>
        this.#cgroup === undefined ? this.#commandProcesses(table()).map(({ pid }) => pid) : [],
      kernelKilled: () => (this.#cgroup?.oomKills() ?? 0) > 0,
      breach: (occupiedBytes) => {
        this.#outOfMemory = true;
        this.#around.log.warn("sandbox over its memory limit", {
          label: this.#spec.label,
          limitBytes,
          occupiedBytes,
        });
        void this.kill();
      },
    });
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  if (pid <= 1) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile: that is what signals are for.
  }
}
