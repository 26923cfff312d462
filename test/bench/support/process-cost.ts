/** What a running process costs, from /proc. */
import { readdirSync, readFileSync } from "node:fs";

export interface Memory {
  readonly residentKb: number;
  /** Pages that others map too count in part. */
  readonly proportionalKb: number;
}

export function memoryOf(pid: number): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const of = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(rollup)?.[1]);
  return { residentKb: of("Rss"), proportionalKb: of("Pss") };
}

/** CPU time of all its threads so far, in ms, by the scheduler's own nanoseconds. */
export function cpuMsOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const times = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return times.reduce((sum, ns) => sum + ns, 0) / 1e6;
}
