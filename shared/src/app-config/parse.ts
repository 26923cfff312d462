/** deploy.toml to an app config, or to every error in it. */
import type { AppConfig, FieldValues } from "./app-config.ts";
import { assemble } from "./assemble.ts";
import { checkAcrossFields, checkWatch } from "./cross-field.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { indexPositions } from "./positions.ts";
import { readFields } from "./read-fields.ts";
import { readSource } from "./read-source.ts";
import { startReport } from "./report.ts";
import type { Report } from "./report.ts";
import { readToml } from "./syntax.ts";
import type { PlainTable } from "./syntax.ts";

export type ParseResult =
  | { readonly ok: true; readonly config: AppConfig }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Parses untrusted text or bytes; never throws. Reports all errors at once, in the order of the
 * file, at most 100. After a line that is not TOML, values elsewhere are still checked, but not what
 * is missing: it may have stood on that line.
 */
export function parseAppConfig(source: string | Uint8Array): ParseResult {
  const read = readSource(source);
  if ("problem" in read) return { ok: false, diagnostics: [read.problem] };
  const { values, text, diagnostics } = readToml(read.text);
  if (values === null) return { ok: false, diagnostics };
  const report = startReport(indexPositions(text), diagnostics);
  const isWhole = diagnostics.length === 0;
  return checkFile(values, report, isWhole ? [checkAcrossFields, checkWatch] : []);
}

type CrossCheck = (values: FieldValues, report: Report, file: PlainTable) => void;

/** The part after syntax, shared by TOML and by the stored canonical form. */
export function checkFile(
  file: PlainTable,
  report: Report,
  checks: readonly CrossCheck[],
): ParseResult {
  const values = readFields(file, report);
  for (const check of checks) check(values, report, file);
  const diagnostics = report.diagnostics();
  return diagnostics.length > 0
    ? { ok: false, diagnostics }
    : { ok: true, config: assemble(values) };
}
