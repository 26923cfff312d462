/** Judges an alert rule: it must compile and stand samples as sidecars send them, those with unknown values included. */
import { AlertVm } from "../../alerts/alert-vm.ts";
import type { AlertValues, RaisedAlert } from "../../alerts/alert-values.ts";
import { PolicyError } from "../../lua/policy-error.ts";
import { SharedState } from "../../lua/shared-state.ts";
import type { CheckResult } from "../policy-checker.ts";
import type { CheckOptions } from "./check-options.ts";
import { describeError } from "./describe.ts";

const HEALTHY: AlertValues = {
  healthy: true,
  response_time_ms: 12,
  cpu_percent: 35,
  memory_percent: 40,
  memory_bytes: 200 * 1024 * 1024,
  unhealthy_count: 0,
  deploy_id: "deployment",
  project: "project",
  replica: "replica",
};

const UNKNOWN = { cpu_percent: null, memory_percent: null, memory_bytes: null } as const;

const SAMPLES: readonly (readonly [what: string, values: AlertValues])[] = [
  ["a healthy replica", HEALTHY],
  [
    "a replica that does not answer",
    { ...HEALTHY, healthy: false, response_time_ms: null, unhealthy_count: 5 },
  ],
  ["a replica whose usage is not known", { ...HEALTHY, ...UNKNOWN }],
  [
    "a replica that is slow and full",
    { ...HEALTHY, response_time_ms: 9000, cpu_percent: 390, memory_percent: 99 },
  ],
];

/** Lines of a rule's own that a report shows. */
const MAX_LOGGED = 20;

export function checkAlertRule({ lua, candidate, onPhase }: CheckOptions): CheckResult {
  const { script, test } = candidate;
  if (test !== null) {
    return {
      passed: false,
      report: ["alert rules take no unit tests: push the rule without them"],
    };
  }
  onPhase("load");
  const report: string[] = [];
  let judged: string | null = null;
  let logged = 0;
  const log = (line: string): void => {
    if (++logged <= MAX_LOGGED) report.push(`  log: ${line}`);
  };
  let vm: AlertVm | null = null;
  try {
    vm = new AlertVm(lua, {
      name: script.name,
      source: script.source,
      state: new SharedState(),
      log,
    });
    onPhase("canary");
    for (const [what, values] of SAMPLES) {
      judged = what;
      report.push(`${what}: ${describe(vm.run(values))}`);
    }
    return { passed: true, report };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const where = judged === null ? "" : `${judged}: `;
    return { passed: false, report: [...report, `${where}${describeError(error)}`] };
  } finally {
    vm?.close();
  }
}

function describe(raised: readonly RaisedAlert[]): string {
  if (raised.length === 0) return "no alert";
  return raised.map(({ severity, message, to }) => `${severity} "${message}" to ${to}`).join("; ");
}
