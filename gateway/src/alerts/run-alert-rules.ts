/** The side of the process that runs alert rules. */
import { once } from "node:events";
import type { Worker } from "node:worker_threads";
import { systemTimers } from "@bifrost/shared/domain/time";
import { loadLua } from "../lua/lua-instance.ts";
import { DEFAULT_SENTINEL_LIMITS, Sentinel, type SentinelData } from "../workers/sentinel.ts";
import { ignoreGroupSignals } from "../workers/group-signals.ts";
import type { FromAlerts, ToAlerts } from "./alert-messages.ts";
import { RuleSet } from "./rule-set.ts";

/** Descriptor of the pipe to the parent, as AlertProcess lays it. */
const ACCUSATION_PIPE = 4;

export async function runAlertRules(startThread: (data: SentinelData) => Worker): Promise<void> {
  // Its first argument is for how long a call may hold the process up.
  const heldMs = Number(process.argv[2] ?? DEFAULT_SENTINEL_LIMITS.heldMs);
  const limits = { ...DEFAULT_SENTINEL_LIMITS, heldMs };
  let watching: Promise<unknown> = Promise.resolve();
  const start = (data: SentinelData): Worker => {
    const thread = startThread(data);
    watching = once(thread, "online");
    return thread;
  };
  const rules = new RuleSet({
    lua: await loadLua(),
    marker: new Sentinel(ACCUSATION_PIPE, start, limits),
    clock: systemTimers,
    onLog: (line) => tell({ kind: "log", line }),
    onFault: (fault) => tell({ kind: "fault", fault }),
  });
  process.on("message", (message: ToAlerts) => {
    if (message.kind === "rules") rules.replace(message.rules);
    else tell({ kind: "verdicts", id: message.id, ...rules.run(message.samples) });
  });
  process.on("disconnect", () => process.exit(0));
  ignoreGroupSignals();
  // The first call is watched like any other.
  await watching;
  tell({ kind: "up" });
}

function tell(message: FromAlerts): void {
  process.send?.(message);
}
