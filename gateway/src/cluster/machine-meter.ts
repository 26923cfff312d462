/** How busy the machine is, or the container where one bounds this process. */
import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import type { Clock } from "@bifrost/shared/domain/time";

export interface MachineLoad {
  /** Share of all cores since the last reading, 0 to 1. */
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
}

/** Whatever a reading is made of. */
export interface MachineFacts {
  /** Text of a file; null when there is none. */
  readonly read: (file: string) => string | null;
  readonly cores: () => number;
  /** Of all cores since the machine started, in ms. */
  readonly cpuTimes: () => { readonly busy: number; readonly total: number };
  readonly memory: () => { readonly free: number; readonly total: number };
}

interface CpuReading {
  readonly busyMs: number;
  readonly availableMs: number;
}

export class MachineMeter {
  private readonly facts: MachineFacts;
  private readonly clock: Clock;
  private former: CpuReading;

  constructor(clock: Clock, facts: MachineFacts = thisMachine) {
    this.clock = clock;
    this.facts = facts;
    this.former = this.readCpu();
  }

  take(): MachineLoad {
    const now = this.readCpu();
    const { former } = this;
    this.former = now;
    const availableMs = now.availableMs - former.availableMs;
    const cpu = availableMs <= 0 ? 0 : (now.busyMs - former.busyMs) / availableMs;
    return { cpu: Math.min(1, Math.max(0, cpu)), ...this.readMemory() };
  }

  private readCpu(): CpuReading {
    const { read, cores, cpuTimes } = this.facts;
    const used = /^usage_usec (\d+)$/m.exec(read(`${CGROUP}/cpu.stat`) ?? "")?.[1];
    const quota = read(`${CGROUP}/cpu.max`);
    // The root of all cgroups has no quota file: then it is the machine that counts.
    if (used === undefined || quota === null) {
      const { busy, total } = cpuTimes();
      return { busyMs: busy, availableMs: total };
    }
    const availableMs = this.clock.now() * coresOf(quota, cores());
    return { busyMs: Number(used) / 1000, availableMs };
  }

  private readMemory(): Pick<MachineLoad, "memoryBytes" | "memoryLimitBytes"> {
    const { free, total } = this.facts.memory();
    const used = Number(this.facts.read(`${CGROUP}/memory.current`) ?? Number.NaN);
    const limit = Number(this.facts.read(`${CGROUP}/memory.max`) ?? Number.NaN);
    if (!Number.isFinite(used) || !Number.isFinite(limit)) {
      return { memoryBytes: total - free, memoryLimitBytes: total };
    }
    return { memoryBytes: used, memoryLimitBytes: Math.min(limit, total) };
  }
}

/** Of cgroup v2, as seen from inside a container. */
const CGROUP = "/sys/fs/cgroup";

/** `max 100000` or `150000 100000`: time in each period. */
function coresOf(quota: string, cores: number): number {
  const [most = "", period = ""] = quota.trim().split(" ");
  const share = Number(most) / Number(period);
  return Number.isFinite(share) && share > 0 ? Math.min(share, cores) : cores;
}

const thisMachine: MachineFacts = {
  read(file) {
    try {
      return readFileSync(file, "utf8");
    } catch {
      return null;
    }
  },
  cores: () => cpus().length,
  cpuTimes() {
    let [busy, total] = [0, 0];
    for (const { times } of cpus()) {
      const all = times.user + times.nice + times.sys + times.irq + times.idle;
      busy += all - times.idle;
      total += all;
    }
    return { busy, total };
  },
  memory: () => ({ free: process.availableMemory(), total: totalmem() }),
};
