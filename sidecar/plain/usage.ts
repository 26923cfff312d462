/** What the app's processes use, from /proc: CPU ticks, resident pages, threads, descriptors. */
import type { Host } from "./host.ts";

/** A process tree deeper or wider than this is counted in part. */
const MAX_PROCESSES = 512;

/** Figures younger than this are used again: reading /proc costs more than a probe. */
const FRESH_MS = 1000;

export class Usage {
  processes = 0;
  /** Ticks used within the last `cpuOverMs`. */
  cpuTicks = 0;
  cpuOverMs = 0;
  rssPages = 0;
  threads = 0;
  descriptors = 0;
  /** Processes whose descriptors could not be counted. */
  denied = 0;
  /** App processes seen beyond the first. */
  restarts = 0;
  private readonly host: Host;
  private readonly pidFile: string;
  private appPid = 0;
  private sampledAt = -1;
  private ticks: Map<number, number> = new Map<number, number>();

  constructor(host: Host, pidFile: string) {
    this.host = host;
    this.pidFile = pidFile;
  }

  sample(now: number): void {
    this.readAppPid();
    if (this.sampledAt >= 0 && now - this.sampledAt < FRESH_MS) return;
    const before = this.ticks;
    const isFirst = this.sampledAt < 0;
    this.ticks = new Map<number, number>();
    this.processes = 0;
    this.cpuTicks = 0;
    this.rssPages = 0;
    this.threads = 0;
    this.descriptors = 0;
    this.denied = 0;
    for (const pid of this.pids()) this.add(pid, before);
    this.cpuOverMs = isFirst ? 0 : now - this.sampledAt;
    if (isFirst) this.cpuTicks = 0;
    this.sampledAt = now;
  }

  private readAppPid(): void {
    if (this.pidFile === "") return;
    const pid = leadingNumber(this.host.readFile(this.pidFile) ?? "");
    if (pid === this.appPid || pid === 0) return;
    if (this.appPid !== 0) this.restarts++;
    this.appPid = pid;
  }

  private pids(): number[] {
    if (this.pidFile !== "") return this.appPid === 0 ? [] : this.tree();
    const self = this.host.selfPid();
    return this.host.listNumeric("/proc").filter((pid) => pid !== self);
  }

  /** The app's process and all its descendants. */
  private tree(): number[] {
    const found: number[] = [this.appPid];
    for (let i = 0; i < found.length && found.length < MAX_PROCESSES; i++) {
      const task = `/proc/${found[i] ?? 0}/task`;
      for (const thread of this.host.listNumeric(task)) {
        const children = this.host.readFile(`${task}/${thread}/children`) ?? "";
        for (const child of children.split(" ")) {
          const pid = leadingNumber(child);
          if (pid > 0) found.push(pid);
        }
      }
    }
    return found;
  }

  private add(pid: number, before: Map<number, number>): void {
    const stat = this.host.readFile(`/proc/${pid}/stat`) ?? "";
    const nameEnd = stat.lastIndexOf(")"); // the command name may hold blanks and brackets
    if (nameEnd < 0 || stat.includes("(pause)")) return;
    // After the name: state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime
    // priority nice num_threads itrealvalue starttime vsize rss
    const fields = stat.slice(nameEnd + 2).split(" ");
    if (fields.length < 22) return;
    const ticks = leadingNumber(fields[11] ?? "") + leadingNumber(fields[12] ?? "");
    this.ticks.set(pid, ticks);
    this.processes++;
    this.cpuTicks += Math.max(0, ticks - (before.get(pid) ?? 0));
    this.threads += leadingNumber(fields[17] ?? "");
    this.rssPages += leadingNumber(fields[21] ?? "");
    const descriptors = this.host.countDescriptors(`/proc/${pid}/fd`);
    if (descriptors < 0) this.denied++;
    else this.descriptors += descriptors;
  }
}

/** 0 when there is none. */
function leadingNumber(text: string): number {
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}
