/** Collects diagnostics while a file is read and keeps them in the order of the file. */
import type { Diagnostic, DiagnosticCode } from "./diagnostic.ts";
import type { Positions, Span } from "./positions.ts";

const MOST_DIAGNOSTICS = 100;
const LONGEST_SHOWN = 60;

interface Finding {
  readonly code: DiagnosticCode;
  readonly path: readonly string[];
  readonly message: string;
  readonly hint?: string | undefined;
  /** Where to point: at the key (default), at the value, or at another key's value. */
  readonly at?: "key" | "value" | { readonly valueOf: readonly string[] };
}

export interface Report {
  add(finding: Finding): void;
  /** True once anything was found at or below `path`. */
  has(path: readonly string[]): boolean;
  diagnostics(): readonly Diagnostic[];
}

export function startReport(positions: Positions, first: readonly Diagnostic[]): Report {
  const found: Diagnostic[] = [...first];
  return {
    add({ code, path, message, hint, at = "key" }) {
      const place = placeOf(positions, path, at);
      const row = { code, path: path.join("."), ...place, message };
      found.push(hint === undefined ? row : { ...row, hint });
    },
    has(path) {
      const prefix = path.join(".");
      return found.some((row) => row.path === prefix || row.path.startsWith(`${prefix}.`));
    },
    diagnostics: () => capped(found.toSorted((a, b) => a.line - b.line || a.column - b.column)),
  };
}

function placeOf(
  positions: Positions,
  path: readonly string[],
  at: NonNullable<Finding["at"]>,
): Span {
  if (at === "key") return positions.key(path);
  return positions.value(at === "value" ? path : at.valueOf);
}

function capped(rows: readonly Diagnostic[]): readonly Diagnostic[] {
  const next = rows[MOST_DIAGNOSTICS];
  if (next === undefined) return rows;
  const message = `${rows.length - MOST_DIAGNOSTICS} more errors are not listed; fix these first.`;
  return [
    ...rows.slice(0, MOST_DIAGNOSTICS),
    { ...next, code: "too-many-errors", path: "", message },
  ];
}

/** A TOML value in a few words: `the string "x"`, `the number 3`, `a table`. */
export function describe(value: unknown): string {
  if (typeof value === "string") return `the string ${quote(value)}`;
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return `the boolean ${value}`;
  if (Array.isArray(value)) return "an array";
  return value instanceof Date ? "a date" : "a table";
}

/** A string of the file as JSON text, shortened. */
export function quote(text: string): string {
  return JSON.stringify(text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN)}…`);
}
