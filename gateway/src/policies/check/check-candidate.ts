/** Judges a candidate inside the process it runs in. */
import type { CheckResult } from "../policy-checker.ts";
import { checkAlertRule } from "./check-alert-rule.ts";
import type { CheckOptions } from "./check-options.ts";
import { checkPolicy } from "./check-policy.ts";

/** As long as a stored report may be. */
const MAX_LINES = 100;
const MAX_LINE = 4000;

export function checkCandidate(options: CheckOptions): CheckResult {
  const { kind } = options.candidate.script;
  const { passed, report } = kind === "alert" ? checkAlertRule(options) : checkPolicy(options);
  const lines = report.flatMap((line) => line.split("\n"));
  return { passed, report: lines.slice(0, MAX_LINES).map((line) => line.slice(0, MAX_LINE)) };
}
