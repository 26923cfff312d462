/** Module `sys`, the calls that wait or write: `sys.sleep`, `sys.sleep_until`, `sys.log`. */
import type { Runner } from "../runner.ts";
import type { Value, ValueMap } from "../value.ts";
import { isMap, toJsonText } from "../value.ts";
import { raised } from "../workflow-error.ts";
import { refuseUnknownArguments } from "./function.ts";

const WARNINGS: ReadonlySet<Value> = new Set(["WARNING", "NOTICE"]);
const ERRORS: ReadonlySet<Value> = new Set(["ERROR", "CRITICAL", "ALERT", "EMERGENCY"]);

/** Fractions of a second count. */
export async function sysSleep(args: ValueMap, runner: Runner): Promise<Value> {
  refuseUnknownArguments("sys.sleep", args, ["seconds"]);
  const seconds = args["seconds"];
  if (typeof seconds !== "number" || seconds < 0) {
    throw raised("ValueError", "sys.sleep: seconds must be a number of at least 0");
  }
  await runner.sleep(seconds);
  return null;
}

export async function sysSleepUntil(args: ValueMap, runner: Runner): Promise<Value> {
  refuseUnknownArguments("sys.sleep_until", args, ["time"]);
  const time = args["time"];
  const until = typeof time === "string" ? Date.parse(time) : Number.NaN;
  if (Number.isNaN(until)) throw raised("ValueError", "sys.sleep_until: time must be RFC 3339");
  await runner.sleep(Math.max(0, until - runner.services.timers.now()) / 1000);
  return null;
}

export function sysLog(args: ValueMap, runner: Runner): Value {
  refuseUnknownArguments("sys.log", args, ["data", "text", "json", "severity", "timeout"]);
  const payload = args["data"] ?? args["text"] ?? args["json"] ?? null;
  const severity = args["severity"] ?? "DEFAULT";
  const fields = {
    execution: runner.facts.name,
    severity,
    ...(isMap(payload) ? { json: payload } : { text: asLine(payload) }),
  };
  const { log } = runner.services;
  if (ERRORS.has(severity)) log.error("workflow log", fields);
  else if (WARNINGS.has(severity)) log.warn("workflow log", fields);
  else log.info("workflow log", fields);
  return null;
}

function asLine(payload: Value): string {
  return typeof payload === "string" ? payload : toJsonText(payload);
}
