/**
 * A worker like every other one, but that it takes its time to start: policies wait for a file called `gate` beside the
 * program, and `waiting` says that one does.
 */
import { existsSync, writeFileSync } from "node:fs";
import { isMainThread, Worker } from "node:worker_threads";
import { systemTimers } from "@bifrost/shared/domain/time";
import { openBucket } from "../compose-worker.ts";
import { runWorker } from "../workers/run-worker.ts";
import { watchCalls } from "../workers/sentinel-thread.ts";
import { startPolicies } from "../workers/start-policies.ts";

const GATE = new URL("gate", import.meta.url);
const WAITING = new URL("waiting", import.meta.url);

if (isMainThread) {
  runWorker({
    timers: systemTimers,
    async startPolicies(options) {
      writeFileSync(WAITING, "");
      while (!existsSync(GATE)) await systemTimers.sleep(5);
      return startPolicies(options);
    },
    openBucket,
    startSentinelThread: (workerData) => new Worker(new URL(import.meta.url), { workerData }),
  });
} else {
  watchCalls();
}
