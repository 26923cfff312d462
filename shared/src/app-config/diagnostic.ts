/** What can be wrong with a deploy.toml, and how it is shown to a person in plain text. */

export const DIAGNOSTIC_CODES = {
  "file-too-large": "The file is larger than 64 KiB.",
  "not-utf8": "The file is not valid UTF-8.",
  "bad-syntax": "The line is not TOML.",
  "too-deep": "Arrays or inline tables are nested too deeply.",
  "number-too-large": "The integer does not fit.",
  "duplicate-key": "The key or table is defined twice.",
  "unknown-table": "There is no such table.",
  "unknown-key": "The table has no such key.",
  "missing-key": "A required key is absent.",
  "wrong-type": "The value has the wrong TOML type.",
  "unknown-value": "The value is not one of the allowed words.",
  "bad-format": "The text is not written the way this key wants it.",
  "out-of-range": "The value is too small, too large, too short or too long.",
  "not-for-runtime": "The key does not apply to this runtime.",
  contradiction: "Two values exclude each other.",
  "bad-env-name": "The environment variable's name is not a POSIX name.",
  "reserved-env-name": "The platform sets this environment variable itself.",
  "env-too-large": "All environment variables together are larger than 32 KiB.",
  "too-many-errors": "Only the first 100 errors are listed.",
} as const;

export type DiagnosticCode = keyof typeof DIAGNOSTIC_CODES;

/** One error of a deploy.toml; plain data that can be stored and sent as it is. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  /** Dotted path of the key concerned (`scaling.max_replicas`); empty when it is about the file. */
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 code units as editors count; a byte order mark does not count. */
  readonly column: number;
  /** How many code units of that line are concerned, at least 1. */
  readonly length: number;
  /** What was found and what is allowed, in one sentence. */
  readonly message: string;
  /** What to write instead, when that can be guessed. */
  readonly hint?: string;
}

interface RenderOptions {
  readonly fileName: string;
  /** ANSI colours; off by default. */
  readonly color?: boolean;
}

const LONGEST_SHOWN_LINE = 160;

/**
 * Renders each diagnostic as `file:line:column`, message, the source line and a caret frame under it.
 * `source` is the text the diagnostics came from; control characters in it are shown as `·`.
 */
export function renderDiagnostics(
  source: string,
  diagnostics: readonly Diagnostic[],
  options: RenderOptions,
): string {
  const lines = source.replace(/^\uFEFF/u, "").split(/\r?\n/u);
  const paint = painter(options.color === true);
  const frames = diagnostics.map((diagnostic) => frame(lines, diagnostic, options.fileName, paint));
  return frames.length === 0 ? "" : `${frames.join("\n\n")}\n`;
}

type Paint = (style: "error" | "where" | "hint", text: string) => string;

const ANSI = { error: "31;1", where: "36", hint: "32" } as const;

function painter(color: boolean): Paint {
  return (style, text) => (color ? `\u001b[${ANSI[style]}m${text}\u001b[0m` : text);
}

function frame(
  lines: readonly string[],
  diagnostic: Diagnostic,
  fileName: string,
  paint: Paint,
): string {
  const gutter = " ".repeat(String(diagnostic.line).length);
  const at = `${fileName}:${diagnostic.line}:${diagnostic.column}`;
  const shown = window(lines[diagnostic.line - 1] ?? "", diagnostic.column - 1);
  const underline = "^".repeat(caretWidth(shown.text.slice(shown.at), diagnostic.length));
  const rows = [
    `${paint("error", `error[${diagnostic.code}]`)}: ${printable(diagnostic.message)}`,
    `${gutter}--> ${paint("where", at)}`,
    `${gutter} |`,
    `${diagnostic.line} | ${printable(shown.text)}`,
    `${gutter} | ${blank(shown.text.slice(0, shown.at))}${paint("error", underline)}`,
  ];
  if (diagnostic.hint !== undefined) {
    rows.push(`${gutter} = ${paint("hint", "hint")}: ${printable(diagnostic.hint)}`);
  }
  return rows.join("\n");
}

/** The part of a long line around `column`, and where `column` is in it. */
function window(line: string, column: number): { text: string; at: number } {
  if (line.length <= LONGEST_SHOWN_LINE) return { text: line, at: column };
  const start = Math.max(0, column - LONGEST_SHOWN_LINE / 2);
  return { text: line.slice(start, start + LONGEST_SHOWN_LINE), at: column - start };
}

function caretWidth(rest: string, length: number): number {
  return Math.max(1, Math.min(Array.from(rest.slice(0, length)).length, LONGEST_SHOWN_LINE));
}

/** Whitespace as wide as `text` in a terminal: tabs stay tabs. */
function blank(text: string): string {
  return Array.from(text, (char) => (char === "\t" ? "\t" : " ")).join("");
}

/** Terminal escape sequences in a repository's file must not reach a terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) => (char === "\t" ? char : "·"));
}
