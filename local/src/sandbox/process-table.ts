/** Reads who is whose child from /proc, so that a sandbox can be signalled, measured and emptied. */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks since boot: with the pid it names one process for ever. */
  readonly startTicks: number;
  readonly zombie: boolean;
}

const PID = /^\d+$/;

/** One line of /proc/<pid>/stat; the command between parentheses may hold anything, even parentheses. */
export function parseStat(text: string): ProcessEntry | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < 0) return undefined;
  const rest = text.slice(close + 2).split(" ");
  return {
    pid: Number(text.slice(0, open)),
    parent: Number(rest[1]),
    group: Number(rest[2]),
    session: Number(rest[3]),
    startTicks: Number(rest[19]),
    zombie: rest[0] === "Z" || rest[0] === "X",
  };
}

export function readProcess(pid: number): ProcessEntry | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined; // It ended between two reads.
  }
}

/** Every process of this machine that the caller may see; about 10 µs per process. */
export function readProcesses(): readonly ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync("/proc")) {
    if (!PID.test(name)) continue;
    const entry = readProcess(Number(name));
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** Children, grandchildren and so on of `root`, zombies left out, oldest first. */
export function descendantsOf(
  table: readonly ProcessEntry[],
  root: number,
): readonly ProcessEntry[] {
  const byParent = new Map<number, ProcessEntry[]>();
  for (const entry of table) {
    const siblings = byParent.get(entry.parent);
    if (siblings === undefined) byParent.set(entry.parent, [entry]);
    else siblings.push(entry);
  }
  const found: ProcessEntry[] = [];
  const queue = [root];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    for (const child of byParent.get(pid) ?? []) {
      if (!child.zombie) found.push(child);
      queue.push(child.pid);
    }
  }
  return found.toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
}

/** Whether that very process (not a later one with its number) still runs. */
export function isAlive(entry: ProcessEntry): boolean {
  const now = readProcess(entry.pid);
  return now !== undefined && !now.zombie && now.startTicks === entry.startTicks;
}

/** Resident bytes of one process; shared pages count in full. 0 when it is gone. */
export function residentBytes(pid: number): number {
  return kilobytes(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB/m);
}

/** Resident bytes with shared pages divided among their users; slower, falls back to resident. */
export function proportionalBytes(pid: number): number {
  const bytes = kilobytes(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB/m);
  return bytes > 0 ? bytes : residentBytes(pid);
}

function kilobytes(path: string, pattern: RegExp): number {
  try {
    return Number(pattern.exec(readFileSync(path, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
