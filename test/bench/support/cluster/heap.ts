/** What the heap of a Node process holds, which runs with the probe in it. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../../support/folders.ts";

const PROBE = path.join(ROOT, "test/bench/support/cluster/heap-probe.mjs");

/** Puts the probe into a process. */
export const WITH_PROBE = ["--expose-gc", "--import", pathToFileURL(PROBE).href];

export const WEIGH = { kind: "weigh" } as const;

export interface Weighed {
  readonly kind: "weighed";
  /** After a collection. */
  readonly heapBytes: number;
}

/** Of Node alone. */
export async function idleHeapBytes(): Promise<number> {
  const idle: ChildProcess = fork(PROBE, [], {
    execArgv: ["--expose-gc"],
    serialization: "advanced",
  });
  try {
    const answered = once(idle, "message") as Promise<[Weighed]>;
    idle.send(WEIGH);
    const [{ heapBytes }] = await answered;
    return heapBytes;
  } finally {
    idle.kill("SIGKILL");
  }
}
