/** docs/configuration.md's tables, from the tables that the programs read their environment with. */
import type { Variable } from "@bifrost/shared/domain/environment";
import { code, markdownTable } from "./markdown-table.ts";

/** Variables of one program: required ones have no default, secrets are never printed. */
export function variablesTable(table: Readonly<Record<string, Variable<unknown>>>): string {
  const rows = Object.values(table)
    .toSorted((left, right) => left.name.localeCompare(right.name, "en"))
    .map((variable) => [code(variable.name), defaultOf(variable), meaningOf(variable)]);
  return markdownTable(["variable", "default", "meaning"], rows);
}

/** The help text of a command, as it prints it. */
export function usageBlock(usage: string): string {
  return `\`\`\`text\n${usage.trimEnd()}\n\`\`\``;
}

function defaultOf(variable: Variable<unknown>): string {
  if (!("fallback" in variable)) return "required";
  const { fallback } = variable;
  if (fallback === null) return "none";
  if (typeof fallback === "boolean") return code(fallback ? "1" : "0");
  return code(typeof fallback === "string" ? fallback : JSON.stringify(fallback));
}

function meaningOf({ meaning, secret }: Variable<unknown>): string {
  return secret === true ? `${meaning} Secret: never printed.` : meaning;
}
