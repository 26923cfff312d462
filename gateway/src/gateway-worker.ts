/** Entry point of a worker process, and of the thread in it that watches policies. */
import { isMainThread, Worker } from "node:worker_threads";
import { systemTimers } from "@bifrost/shared/domain/time";

if (isMainThread) {
  const [{ runWorker }, { startPolicies }, { openBucket }] = await Promise.all([
    import("./workers/run-worker.ts"),
    import("./workers/start-policies.ts"),
    import("./compose-worker.ts"),
  ]);
  runWorker({
    timers: systemTimers,
    startPolicies,
    openBucket,
    startSentinelThread: (workerData) => new Worker(new URL(import.meta.url), { workerData }),
  });
} else {
  const { watchCalls } = await import("./workers/sentinel-thread.ts");
  watchCalls();
}
