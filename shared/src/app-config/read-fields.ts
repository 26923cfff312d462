/** Walks the tables of a deploy.toml against the field table: unknown names, types, ranges. */
import * as v from "valibot";
import type { FieldValues } from "./app-config.ts";
import { closest } from "./closest.ts";
import type { DiagnosticCode } from "./diagnostic.ts";
import type { Field, TableName } from "./fields.ts";
import { FIELDS, fieldsOf, TABLE_NAMES } from "./fields.ts";
import { readEnv } from "./read-env.ts";
import type { Report } from "./report.ts";
import { describe, quote } from "./report.ts";
import type { PlainTable } from "./syntax.ts";
import { OUT_OF_RANGE } from "./value-kinds.ts";

/** Checks each value on its own; what is wrong is reported and left undefined. */
export function readFields(file: PlainTable, report: Report): FieldValues {
  reportUnknownTables(file, report);
  const tables = Object.keys(FIELDS) as TableName[];
  const values = Object.fromEntries(
    tables.map((table) => [table, readTable(table, tableOf(file, table, report), report)]),
  );
  // The field table gave each schema, so what it returned has the field's type.
  return { ...values, env: readEnv(tableOf(file, "env", report), report) } as FieldValues;
}

function reportUnknownTables(file: PlainTable, report: Report): void {
  for (const name of Object.keys(file)) {
    if ((TABLE_NAMES as readonly string[]).includes(name)) continue;
    const isTable = asTable(file[name]) !== undefined;
    const owner = TABLE_NAMES.find(
      (table) => table !== "env" && Object.hasOwn(FIELDS[table], name),
    );
    const nearest = closest(name, TABLE_NAMES);
    report.add({
      code: isTable ? "unknown-table" : "unknown-key",
      path: [name],
      message: `${isTable ? "The table" : "The key"} ${quote(name)} is not known; the tables are ${list(TABLE_NAMES)}.`,
      hint: owner === undefined || isTable ? meant(nearest) : `it belongs under [${owner}]`,
    });
  }
}

function tableOf(file: PlainTable, name: string, report: Report): PlainTable {
  const value = Object.hasOwn(file, name) ? file[name] : {};
  const table = asTable(value);
  if (table !== undefined) return table;
  report.add({
    code: "wrong-type",
    path: [name],
    message: `${quote(name)} is ${describe(value)}; it must be a table.`,
    hint: `write [${name}] on a line of its own`,
  });
  return {};
}

export function asTable(value: unknown): PlainTable | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return Array.isArray(value) || value instanceof Date ? undefined : (value as PlainTable);
}

function readTable(table: TableName, input: PlainTable, report: Report): PlainTable {
  const fields = fieldsOf(table);
  const names = fields.map(([key]) => key);
  for (const key of Object.keys(input)) {
    if (names.includes(key)) continue;
    report.add({
      code: "unknown-key",
      path: [table, key],
      message: `[${table}] has no key ${quote(key)}; its keys are ${list(names)}.`,
      hint: meant(closest(key, names)) ?? elsewhere(key),
    });
  }
  return Object.fromEntries(
    fields.map(([key, field]) => [key, readValue([table, key], field, input, report)]),
  );
}

function readValue(
  path: readonly [string, string],
  field: Field<unknown>,
  input: PlainTable,
  report: Report,
): unknown {
  const key = path[1];
  if (!Object.hasOwn(input, key)) return undefined;
  const found = input[key];
  const result = v.safeParse(field.kind.schema, found, { abortPipeEarly: true });
  if (result.success) return result.output;
  const code = codeOf(result.issues[0]);
  const nearest =
    code === "unknown-value" ? suggestWord(found, field) : field.kind.suggest?.(found);
  report.add({
    code,
    path,
    at: "value",
    message: `${path.join(".")} is ${describe(found)}; it must be ${field.kind.expects}.`,
    hint: nearest === undefined ? undefined : `write ${key} = ${nearest}`,
  });
  return undefined;
}

function suggestWord(found: unknown, field: Field<unknown>): string | undefined {
  const words = field.kind.jsonSchema["enum"];
  if (typeof found !== "string" || !Array.isArray(words)) return undefined;
  const word = SYNONYMS.get(found.toLowerCase()) ?? closest(found, words);
  return word === undefined ? undefined : `"${word}"`;
}

/** What people call the runtimes elsewhere. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ["nodejs", "node"],
  ["javascript", "node"],
  ["typescript", "node"],
  ["golang", "go"],
  ["python3", "python"],
  ["html", "static"],
  ["dockerfile", "docker"],
]);

const SIZE_CHECKS = new Set(["min_value", "max_value", "max_length", "min_length"]);

/** Valibot names the check that failed; the code says which kind of mistake that is. */
function codeOf(issue: v.BaseIssue<unknown>): DiagnosticCode {
  if (issue.type === "picklist") {
    return typeof issue.input === "string" ? "unknown-value" : "wrong-type";
  }
  if (issue.kind === "schema" || issue.type === "integer") return "wrong-type";
  return SIZE_CHECKS.has(issue.type) || issue.message === OUT_OF_RANGE
    ? "out-of-range"
    : "bad-format";
}

function elsewhere(key: string): string | undefined {
  const owner = (Object.keys(FIELDS) as TableName[]).find((name) =>
    Object.hasOwn(FIELDS[name], key),
  );
  return owner === undefined ? undefined : `it belongs under [${owner}]`;
}

function meant(word: string | undefined): string | undefined {
  return word === undefined ? undefined : `did you mean "${word}"?`;
}

function list(names: readonly string[]): string {
  return names.join(", ");
}
