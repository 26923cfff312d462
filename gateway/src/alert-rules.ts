/** Entry point of the process that runs alert rules, and of the thread in it that watches them. */
import { isMainThread, Worker } from "node:worker_threads";

if (isMainThread) {
  const { runAlertRules } = await import("./alerts/run-alert-rules.ts");
  await runAlertRules((workerData) => new Worker(new URL(import.meta.url), { workerData }));
} else {
  const { watchCalls } = await import("./workers/sentinel-thread.ts");
  watchCalls();
}
