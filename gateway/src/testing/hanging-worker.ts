/**
 * A worker like every other one, but that the policy `hangs` runs native code that comes back only after hours:
 * what a script must not be able to do, and what the watchdog is for when one can.
 */
import { isMainThread, Worker } from "node:worker_threads";
import { systemTimers } from "@bifrost/shared/domain/time";
import { openBucket } from "../compose-worker.ts";
import { UNTOUCHED, type PolicyChain } from "../policies/policy-chain.ts";
import type { StartPolicyRuntime } from "../workers/policy-runtime.ts";
import { runWorker } from "../workers/run-worker.ts";
import { watchCalls } from "../workers/sentinel-thread.ts";
import { startPolicies } from "../workers/start-policies.ts";

/** Its work doubles with each letter. */
const ENDLESS = /^(?:a+)+$/;

const startHanging: StartPolicyRuntime = async (options) => {
  const { marker } = options;
  const runtime = await startPolicies(options);
  let disabled: ReadonlySet<string> = new Set();
  marker.announce(1000, "hangs", 7);
  const hanging: PolicyChain = {
    onRequest(request) {
      if (request.target !== "/hang" || disabled.has("hangs@7")) return UNTOUCHED;
      marker.enter(1000);
      ENDLESS.test(`${"a".repeat(60)}b`);
      marker.leave();
      return UNTOUCHED;
    },
    hasResponsePhase: false,
    onResponse: () => null,
  };
  return {
    ...runtime,
    load(policies) {
      disabled = policies.disabled;
      runtime.load(policies);
    },
    chainOf: (attachments, projectId) =>
      attachments.some(({ policy }) => policy === "hangs")
        ? hanging
        : runtime.chainOf(attachments, projectId),
  };
};

if (isMainThread) {
  runWorker({
    timers: systemTimers,
    startPolicies: startHanging,
    openBucket,
    startSentinelThread: (workerData) => new Worker(new URL(import.meta.url), { workerData }),
  });
} else {
  watchCalls();
}
