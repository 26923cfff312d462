/** Finds the strongest isolation that really works here, by running something in each. */
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { cgroupName, detectCgroups } from "./cgroup.ts";
import type { CgroupParent } from "./cgroup.ts";
import { findToolchainPrefixes, hostView } from "./host-view.ts";
import { bwrapIsolation } from "./isolate-bwrap.ts";
import { plainIsolation } from "./isolate-plain.ts";
import { unshareIsolation } from "./isolate-unshare.ts";
import type { HostCommand, Isolate } from "./isolation.ts";
import { MemoryWatch } from "./memory-watch.ts";
import type { Sandbox, SandboxedProcess, SandboxLevel, SandboxSpec } from "./sandbox.ts";
import { spawnSandboxed } from "./spawn-sandboxed.ts";
import { MARK_VARIABLE, startUndertaker, type Undertaker } from "./undertaker.ts";

export interface DetectSandboxOptions {
  readonly log: Logger;
  readonly timers: Timers;
  /** Directory of the sandbox alone: mount point and homes of the weaker levels. */
  readonly stateDir: string;
  /** Where Node is installed; the running one's prefix when absent. */
  readonly nodePrefix?: string;
  /** Installations outside /usr to show read-only, in PATH order; Node's and python3's when absent. */
  readonly toolchainPrefixes?: readonly string[];
  /** Take exactly this level. Throws `missing-tool` when this machine does not offer it. */
  readonly require?: SandboxLevel;
}

const LEVELS: readonly SandboxLevel[] = ["bwrap+cgroup", "bwrap", "unshare", "plain"];
const PROBE_TIMEOUT_MS = 10_000;

/** Resolves with a working sandbox; `level` says how strong it is. */
export async function detectSandbox(options: DetectSandboxOptions): Promise<Sandbox> {
  const prefixes = options.toolchainPrefixes ?? findToolchainPrefixes(options.nodePrefix);
  const view = hostView(prefixes);
  const mountPoint = join(options.stateDir, "root");
  mkdirSync(mountPoint, { recursive: true });
  const wanted = options.require === undefined ? LEVELS : [options.require];
  for (const level of wanted) {
    const cgroups = level === "bwrap+cgroup" ? detectCgroups() : undefined;
    if (level === "bwrap+cgroup" && cgroups === undefined) continue;
    const isolate = {
      "bwrap+cgroup": () => bwrapIsolation(view),
      bwrap: () => bwrapIsolation(view),
      unshare: () => unshareIsolation(view, mountPoint),
      plain: () => plainIsolation(view, join(options.stateDir, "homes")),
    }[level]();
    const sandbox = new DetectedSandbox(level, isolate, cgroups, options);
    if (isInstalled(level) && (await probe(sandbox, options.timers))) {
      options.log.info("sandbox chosen", { level, prefixes });
      return sandbox;
    }
    await sandbox.close();
  }
  throw new BifrostError(
    "missing-tool",
    `No sandbox of level ${wanted.join(", ")} works on this machine. Install bubblewrap or util-linux, or allow user namespaces.`,
    { levels: [...wanted] },
  );
}

function isInstalled(level: SandboxLevel): boolean {
  const programs = {
    "bwrap+cgroup": ["bwrap"],
    bwrap: ["bwrap"],
    unshare: ["unshare", "setpriv"],
    plain: [],
  };
  return programs[level].every(
    (program) => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0,
  );
}

async function probe(sandbox: Sandbox, timers: Timers): Promise<boolean> {
  const running = sandbox.spawn({
    label: "probe",
    argv: ["/bin/sh", "-c", "exit 42"],
    env: {},
    cwd: "/",
    mounts: [],
    memoryBytes: 64 * 1024 ** 2,
  });
  running.stdout.resume();
  running.stderr.resume();
  const timeout = timers.after(PROBE_TIMEOUT_MS, () => running.signal("SIGKILL"));
  const { exitCode } = await running.exited;
  timeout.cancel();
  return exitCode === 42;
}

class DetectedSandbox implements Sandbox {
  readonly level: SandboxLevel;
  readonly #isolate: Isolate;
  readonly #cgroups: CgroupParent | undefined;
  readonly #options: DetectSandboxOptions;
  readonly #watch: MemoryWatch;
  readonly #running = new Set<SandboxedProcess>();
  readonly #mark = randomUUID();
  #undertaker: Undertaker | undefined;
  #serial = 0;

  constructor(
    level: SandboxLevel,
    isolate: Isolate,
    cgroups: CgroupParent | undefined,
    options: DetectSandboxOptions,
  ) {
    this.level = level;
    this.#isolate = isolate;
    this.#cgroups = cgroups;
    this.#options = options;
    this.#watch = new MemoryWatch(options.timers);
  }

  spawn(spec: SandboxSpec): SandboxedProcess {
    this.#serial += 1;
    const cgroup = this.#cgroups?.create(cgroupName(spec.label, this.#serial), spec);
    const command = this.#marked(this.#isolate(spec, cgroup?.joinFiles ?? []));
    const running = spawnSandboxed(spec, command, cgroup, { ...this.#options, watch: this.#watch });
    this.#running.add(running);
    void running.exited.finally(() => this.#running.delete(running));
    return running;
  }

  /** A command without a wrapper has a guard of its own, and its environment is the app's. */
  #marked(command: HostCommand): HostCommand {
    if (command.wrapperDepth === 0) return command;
    this.#undertaker ??= startUndertaker(this.#mark);
    return { ...command, env: { ...command.env, [MARK_VARIABLE]: this.#mark } };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.kill()));
    await Promise.all([...this.#running].map((running) => running.exited));
    this.#undertaker?.dismiss();
    this.#undertaker = undefined;
  }
}
