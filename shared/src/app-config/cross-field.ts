/** Rules that concern several fields at once; each looks only at values that are right by themselves. */
import type { FieldValues } from "./app-config.ts";
import type { TableName } from "./fields.ts";
import { fallbackOf, FIELDS, fieldsOf } from "./fields.ts";
import type { Report } from "./report.ts";
import { asTable } from "./read-fields.ts";
import type { Runtime } from "./runtimes.ts";
import { RUN_REQUIRED, RUNTIMES } from "./runtimes.ts";
import type { PlainTable } from "./syntax.ts";

export function checkAcrossFields(values: FieldValues, report: Report, file: PlainTable): void {
  reportMissing(file, report);
  const { runtime } = values.app;
  if (runtime !== undefined) {
    reportForeignKeys(file, runtime, report);
    reportMissingCommand(values, runtime, report);
  }
  reportReplicaRange(values, report);
  reportProbeTimes(values, report);
}

function reportMissing(file: PlainTable, report: Report): void {
  if (!Object.hasOwn(file, "app")) {
    const message = "The table [app] with the keys name and runtime is missing; it is required.";
    report.add({ code: "missing-key", path: ["app"], message });
    return;
  }
  const app = asTable(file["app"]);
  if (app === undefined) return;
  for (const [key, field] of fieldsOf("app")) {
    if (!field.required || Object.hasOwn(app, key)) continue;
    const message = `[app] has no ${key}; it is required and must be ${field.kind.expects}.`;
    report.add({ code: "missing-key", path: ["app", key], message });
  }
}

/** One error for a table that does not apply at all, otherwise one for each key that does not. */
function reportForeignKeys(file: PlainTable, runtime: Runtime, report: Report): void {
  for (const table of Object.keys(FIELDS) as TableName[]) {
    const present = asTable(file[table]);
    if (present === undefined) continue;
    const foreign = fieldsOf(table).filter(
      ([, field]) => field.runtimes?.includes(runtime) === false,
    );
    if (foreign.length === fieldsOf(table).length) {
      const allowed = foreign.flatMap(([, field]) => field.runtimes ?? []);
      const message = `[${table}] applies only to ${runtimeWords(allowed)}; this app's runtime is "${runtime}".`;
      report.add({ code: "not-for-runtime", path: [table], message });
      continue;
    }
    for (const [key, field] of foreign) {
      if (!Object.hasOwn(present, key)) continue;
      const message = `${table}.${key} applies only to ${runtimeWords(field.runtimes ?? [])}; this app's runtime is "${runtime}".`;
      report.add({ code: "not-for-runtime", path: [table, key], message });
    }
  }
}

function runtimeWords(runtimes: readonly Runtime[]): string {
  const names = [...new Set(runtimes)].map((name) => `"${name}"`);
  return `the runtime${names.length === 1 ? "" : "s"} ${names.join(", ")}`;
}

function reportMissingCommand(values: FieldValues, runtime: Runtime, report: Report): void {
  if (RUNTIMES[runtime].run !== RUN_REQUIRED) return;
  if (values.run.command !== undefined || report.has(["run"])) return;
  report.add({
    code: "missing-key",
    path: ["run", "command"],
    at: { valueOf: ["app", "runtime"] },
    message: `The runtime "${runtime}" needs a command under [run]: the name of its program is the project's choice.`,
    hint: `add [run] and command = "${EXAMPLE_COMMAND[runtime] ?? "./app"}"`,
  });
}

const EXAMPLE_COMMAND: Partial<Record<Runtime, string>> = {
  rust: "./target/release/app",
  elixir: "_build/prod/rel/app/bin/app start",
  zig: "./zig-out/bin/app",
  ocaml: "./_build/default/bin/main.exe",
};

function reportReplicaRange({ scaling }: FieldValues, report: Report): void {
  const min = scaling.min_replicas ?? fallbackOf(FIELDS.scaling.min_replicas);
  const max = scaling.max_replicas;
  if (max === undefined || report.has(["scaling", "min_replicas"])) return;
  if (min <= max) return;
  report.add({
    code: "contradiction",
    path: ["scaling", "max_replicas"],
    at: "value",
    message: `scaling.max_replicas is ${max} and min_replicas is ${min}; the most must not be below the fewest.`,
  });
}

/** Not of a snapshot: watches as short as this were accepted once, and what was deployed with one must stay readable. */
export function checkWatch({ health }: FieldValues, report: Report): void {
  const { watch } = health;
  if (watch === undefined || watch.ms === 0 || report.has(["health", "interval"])) return;
  const interval = health.interval ?? fallbackOf(FIELDS.health.interval);
  if (watch.ms >= interval.ms) return;
  report.add({
    code: "contradiction",
    path: ["health", "watch"],
    at: "value",
    message: `health.watch is "${watch.text}" and interval is "${interval.text}"; a watch shorter than one interval may see no probe at all. Make watch at least "${interval.text}", shorten interval, or write watch = "0s" to watch nothing.`,
  });
}

function reportProbeTimes({ health }: FieldValues, report: Report): void {
  const { timeout } = health;
  if (timeout === undefined || report.has(["health", "interval"])) return;
  const interval = health.interval ?? fallbackOf(FIELDS.health.interval);
  if (timeout.ms <= interval.ms) return;
  report.add({
    code: "contradiction",
    path: ["health", "timeout"],
    at: "value",
    message: `health.timeout is "${timeout.text}" and interval is "${interval.text}"; a probe must end before the next one starts.`,
  });
}
