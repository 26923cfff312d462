/** Kernel limits for one sandbox: cgroup v1 hierarchies or a delegated v2 tree, proven by a real process. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

export interface CgroupLimits {
  readonly memoryBytes?: number | undefined;
  readonly cpuMillis?: number | undefined;
  readonly maxProcesses?: number | undefined;
}

export interface Cgroup {
  /** A process that writes its pid to each of these joins. */
  readonly joinFiles: readonly string[];
  /** How many processes the kernel has killed here for memory. */
  oomKills(): number;
  /** Removes the directories; true once they are gone (false while processes remain). */
  remove(): boolean;
}

export interface CgroupParent {
  readonly version: 1 | 2;
  create(name: string, limits: CgroupLimits): Cgroup;
}

const MOUNT = "/sys/fs/cgroup";
const PREFIX = "bifrost.";
const CPU_PERIOD_US = 100_000;

/** The strongest writable place below the caller's own cgroup, so that its limits keep holding. */
export function detectCgroups(): CgroupParent | undefined {
  for (const parent of [version1(), version2()]) {
    if (parent !== undefined && works(parent)) return parent;
  }
  return undefined;
}

/** Unique per platform process: what a killed platform left behind can be told apart and removed. */
export function cgroupName(label: string, serial: number): string {
  return `${PREFIX}${process.pid}.${serial}.${label}`;
}

function works(parent: CgroupParent): boolean {
  let group: Cgroup | undefined;
  try {
    group = parent.create(cgroupName("probe", 0), { memoryBytes: 1 << 26, maxProcesses: 16 });
    const script = group.joinFiles.map((file) => `echo $$ > '${file}'`).join(" && ");
    return spawnSync("/bin/sh", ["-c", script], { stdio: "ignore" }).status === 0;
  } catch {
    return false;
  } finally {
    group?.remove();
  }
}

function version1(): CgroupParent | undefined {
  const memory = hierarchyOf("memory");
  const pids = hierarchyOf("pids");
  const cpu = hierarchyOf("cpu");
  if (memory === undefined || pids === undefined) return undefined;
  for (const base of [memory, pids, cpu]) if (base !== undefined) removeStale(base);
  return {
    version: 1,
    create(name, limits) {
      const created: string[] = [];
      const add = (base: string): string => {
        const path = join(base, name);
        mkdirSync(path, { recursive: true });
        created.push(path);
        return path;
      };
      const memoryDir = add(memory);
      if (limits.memoryBytes !== undefined) {
        write(memoryDir, "memory.limit_in_bytes", limits.memoryBytes);
        // Absent where swap accounting is off; without swap it changes nothing.
        tryWrite(memoryDir, "memory.memsw.limit_in_bytes", limits.memoryBytes);
      }
      const pidsDir = add(pids);
      if (limits.maxProcesses !== undefined) write(pidsDir, "pids.max", limits.maxProcesses);
      if (limits.cpuMillis !== undefined && cpu !== undefined) {
        const cpuDir = add(cpu);
        write(cpuDir, "cpu.cfs_period_us", CPU_PERIOD_US);
        write(cpuDir, "cpu.cfs_quota_us", quota(limits.cpuMillis));
      }
      return openGroup(created, join(memoryDir, "memory.oom_control"));
    },
  };
}

function version2(): CgroupParent | undefined {
  if (!existsSync(join(MOUNT, "cgroup.controllers"))) return undefined;
  const path = /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  const own = existsSync(join(MOUNT, path)) ? join(MOUNT, path) : MOUNT;
  // A cgroup that holds processes cannot hand controllers to children; its parent may be able to.
  const base = [own, dirname(own)].find((dir) => dir.startsWith(MOUNT) && delegates(dir));
  if (base === undefined) return undefined;
  removeStale(base);
  return {
    version: 2,
    create(name, limits) {
      const dir = join(base, name);
      mkdirSync(dir, { recursive: true });
      if (limits.memoryBytes !== undefined) {
        write(dir, "memory.max", limits.memoryBytes);
        tryWrite(dir, "memory.swap.max", 0);
        tryWrite(dir, "memory.oom.group", 1);
      }
      if (limits.maxProcesses !== undefined) write(dir, "pids.max", limits.maxProcesses);
      if (limits.cpuMillis !== undefined) {
        write(dir, "cpu.max", `${quota(limits.cpuMillis)} ${CPU_PERIOD_US}`);
      }
      return openGroup([dir], join(dir, "memory.events"));
    },
  };
}

function delegates(dir: string): boolean {
  tryWrite(dir, "cgroup.subtree_control", "+memory +pids +cpu");
  try {
    const enabled = readFileSync(join(dir, "cgroup.subtree_control"), "utf8").split(/\s+/);
    return ["memory", "pids", "cpu"].every((controller) => enabled.includes(controller));
  } catch {
    return false;
  }
}

function openGroup(directories: readonly string[], counterFile: string): Cgroup {
  return {
    joinFiles: directories.map((dir) => join(dir, "cgroup.procs")),
    oomKills() {
      try {
        return Number(/^oom_kill (\d+)$/m.exec(readFileSync(counterFile, "utf8"))?.[1] ?? 0);
      } catch {
        return 0;
      }
    },
    remove() {
      return directories.map(removeDirectory).every(Boolean);
    },
  };
}

function hierarchyOf(controller: string): string | undefined {
  const mount = join(MOUNT, controller);
  if (!existsSync(join(mount, "cgroup.procs"))) return undefined;
  const line = readFileSync("/proc/self/cgroup", "utf8")
    .split("\n")
    .find((text) => text.split(":")[1]?.split(",").includes(controller));
  const own = join(mount, line?.split(":").slice(2).join(":") ?? "/");
  return existsSync(own) ? own : mount;
}

function quota(cpuMillis: number): number {
  // The kernel refuses quotas under 1 ms.
  return Math.max(1000, Math.round((cpuMillis / 1000) * CPU_PERIOD_US));
}

function removeStale(base: string): void {
  for (const name of readdirSync(base)) {
    if (!name.startsWith(PREFIX)) continue;
    const owner = Number(name.split(".")[1]);
    if (owner !== process.pid && !existsSync(`/proc/${owner}`)) removeDirectory(join(base, name));
  }
}

function removeDirectory(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch {
    return !existsSync(path);
  }
}

function write(dir: string, file: string, value: number | string): void {
  writeFileSync(join(dir, file), String(value));
}

function tryWrite(dir: string, file: string, value: number | string): void {
  try {
    write(dir, file, value);
  } catch {
    // Optional on this kernel; the limit that matters was written before.
  }
}
