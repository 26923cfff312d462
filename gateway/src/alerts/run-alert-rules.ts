/** The side of the process that runs alert rules. */
import type { Worker } from "node:worker_threads";
import { loadLua } from "../lua/lua-instance.ts";
import { DEFAULT_SENTINEL_LIMITS, Sentinel, type SentinelData } from "../workers/sentinel.ts";
import type { FromAlerts, ToAlerts } from "./alert-messages.ts";
import { RuleSet } from "./rule-set.ts";

/** Descriptor of the pipe to the parent, as AlertProcess lays it. */
const ACCUSATION_PIPE = 4;

export async function runAlertRules(startThread: (data: SentinelData) => Worker): Promise<void> {
  // Its first argument is for how long a call may hold the process up.
  const heldMs = Number(process.argv[2] ?? DEFAULT_SENTINEL_LIMITS.heldMs);
  const limits = { ...DEFAULT_SENTINEL_LIMITS, heldMs };
  const rules = new RuleSet({
    lua: await loadLua(),
    marker: new Sentinel(ACCUSATION_PIPE, startThread, limits),
    onLog: (line) => tell({ kind: "log", line }),
    onFault: (fault) => tell({ kind: "fault", fault }),
  });
  process.on("message", (message: ToAlerts) => {
    if (message.kind === "rules") rules.replace(message.rules);
    else tell({ kind: "verdicts", id: message.id, ...rules.run(message.samples) });
  });
  process.on("disconnect", () => process.exit(0));
  // Both reach the whole group of processes; the parent ends this one.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => undefined);
  tell({ kind: "up" });
}

function tell(message: FromAlerts): void {
  process.send?.(message);
}
