/** The thread that watches calls: see sentinel.ts. */
import { writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { CallWatch, type SentinelData, type SentinelScript, type StuckScript } from "./sentinel.ts";

export function watchCalls(): void {
  const data = workerData as SentinelData;
  const watch = new CallWatch(data);
  const scripts = new Map<number, SentinelScript>();
  parentPort?.on("message", (script: SentinelScript) => scripts.set(script.index, script));
  setInterval(() => {
    const index = watch.look();
    if (index === null) return;
    const { name, version } = scripts.get(index) ?? { name: "unknown", version: 0 };
    const accusation: StuckScript = { name, version, heldMs: data.heldMs };
    try {
      writeSync(data.pipe, `${JSON.stringify(accusation)}\n`);
    } finally {
      process.kill(process.pid, "SIGKILL");
    }
  }, data.lookMs);
}
