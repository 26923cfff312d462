/** What the app's processes use, from /proc, read in slices: ten thousand processes do not hold up a probe. */
import { Bytes } from "../wire/bytes.ts";
import { CpuMeter } from "./cpu-meter.ts";
import * as host from "../host.ts";
import { MAX_STATM, Memory } from "./memory.ts";
import { DONE, NOT_YET, ProcessNamespace, ProcessTree, Processes, procPath } from "./processes.ts";
import { isNamed, MAX_STAT, ProcStat } from "./proc-stat.ts";
import { Sample } from "../report/sample.ts";
import { Settings } from "../settings/settings.ts";

/** Figures younger than this are used again: reading /proc costs more than a probe. */
const FRESH_MS: f64 = 1000;
/** What one slice may cost: a process is five files, everything else one. */
const SLICE: i32 = 256;
const PROCESS_COST: i32 = 5;

class Totals {
  procs: f64 = 0;
  ticks: f64 = 0;
  readonly memory: Memory = new Memory();
  threads: f64 = 0;
  fds: f64 = 0;
  denied: f64 = 0;
  /** The app's first process: 0 = none seen. */
  rootPid: i32 = 0;
  rootStart: f64 = 0;

  clear(): void {
    this.procs = 0;
    this.ticks = 0;
    this.memory.clear();
    this.threads = 0;
    this.fds = 0;
    this.denied = 0;
    this.rootPid = 0;
    this.rootStart = 0;
  }
}

export class Usage {
  private readonly processes: Processes;
  private readonly isTree: bool;
  private readonly stat: ProcStat = new ProcStat();
  private readonly cpu: CpuMeter = new CpuMeter();
  private readonly path: Bytes = new Bytes(32);
  private readonly line: Bytes = new Bytes(MAX_STAT);
  private readonly statm: Bytes = new Bytes(MAX_STATM);
  private isUnderWay: bool = false;
  private beganAt: f64 = -1;
  /** Of the reading under way, and of the last complete one. */
  private counting: Totals = new Totals();
  private counted: Totals = new Totals();
  private appPid: i32 = 0;
  private appStart: f64 = 0;
  private hasSeenApp: bool = false;
  private restarts: f64 = 0;

  constructor(settings: Settings) {
    const isTree = settings.appPidFile.length > 0;
    this.isTree = isTree;
    this.processes = isTree ? new ProcessTree(settings.appPidFile) : new ProcessNamespace();
  }

  isBusy(): bool {
    return this.isUnderWay;
  }

  /** Starts a reading unless the last one is fresh. */
  refresh(now: f64): void {
    if (this.isUnderWay || (this.beganAt >= 0 && now - this.beganAt < FRESH_MS)) return;
    this.isUnderWay = true;
    this.beganAt = now;
    this.counting.clear();
    this.processes.begin();
  }

  step(now: f64): void {
    let left = SLICE;
    while (this.isUnderWay && left > 0) {
      const pid = this.processes.next();
      if (pid === DONE) this.complete(now);
      else if (pid !== NOT_YET && pid !== host.pid()) this.count(pid);
      left = left - (pid > 0 ? PROCESS_COST : 1);
    }
  }

  /** The last complete reading. */
  fill(sample: Sample): void {
    const counted = this.counted;
    sample.procs = counted.procs;
    sample.rssPages = counted.memory.pages();
    sample.threads = counted.threads;
    sample.fds = counted.fds;
    sample.fdsDenied = counted.denied;
    sample.cpuTicks = this.cpu.ticks;
    sample.cpuOverMs = this.cpu.overMs;
    sample.restarts = this.restarts;
  }

  private count(pid: i32): void {
    // Before the line: of a process that ends in between nothing is counted.
    const fds = host.descriptors(procPath(this.path, pid, "/fd"));
    if (!host.readFile(procPath(this.path, pid, "/stat"), this.line)) return;
    const stat = this.stat;
    if (!stat.parse(this.line) || (!this.isTree && isNamed(this.line, "pause"))) return;
    const counting = this.counting;
    counting.ticks = counting.ticks + stat.ticks;
    if (this.isRoot(stat)) {
      counting.rootPid = pid;
      counting.rootStart = stat.start;
    }
    if (stat.isGone) return;
    counting.procs = counting.procs + 1;
    counting.threads = counting.threads + stat.threads;
    this.countMemory(pid);
    if (fds < 0) counting.denied = counting.denied + 1;
    else counting.fds = counting.fds + (fds as f64);
  }

  /** A process that ended since its line was read counts with what that said. */
  private countMemory(pid: i32): void {
    const memory = this.counting.memory;
    const isRead = host.readFile(procPath(this.path, pid, "/statm"), this.statm);
    if (!isRead || !memory.add(this.statm)) memory.addUnshared(this.stat.residentPages);
  }

  /** A tree's root comes first; of a namespace's roots, one for each container and each `kubectl exec`, the oldest counts. */
  private isRoot(stat: ProcStat): bool {
    const counting = this.counting;
    if (counting.rootPid === 0) return this.isTree || stat.parent === 0;
    return !this.isTree && stat.parent === 0 && stat.start < counting.rootStart;
  }

  private complete(now: f64): void {
    this.isUnderWay = false;
    const counting = this.counting;
    this.counting = this.counted;
    this.counted = counting;
    const pid = counting.rootPid;
    const isNewApp =
      pid !== 0 &&
      this.appPid !== 0 &&
      (pid !== this.appPid || counting.rootStart !== this.appStart);
    if (isNewApp) this.restarts = this.restarts + 1;
    if (pid !== 0) {
      this.appPid = pid;
      this.appStart = counting.rootStart;
    }
    // An app seen for the first time may have used its ticks long ago.
    this.hasSeenApp = this.hasSeenApp || counting.procs > 0;
    if (this.hasSeenApp) this.cpu.record(counting.ticks, now, isNewApp);
  }
}
