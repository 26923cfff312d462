/** Turns the TOML library's failures into sentences that say what was found and what to write. */
import { messageOf } from "../domain/errors.ts";
import type { Diagnostic, DiagnosticCode } from "./diagnostic.ts";

/** Where and why the TOML library stopped; line and column are 1-based and inside the text. */
export interface Failure {
  readonly line: number;
  readonly column: number;
  /** The library's own words for redefinitions and ranges; empty for grammar errors. */
  readonly reason: string;
  /** The text ended inside something that was still open. */
  readonly atEnd: boolean;
}

/** Reads the position out of whatever the library threw; clamps it into the text. */
export function failureOf(text: string, error: unknown): Failure {
  const thrown = error as {
    line?: number;
    column?: number;
    found?: string | null;
    location?: { start?: { line?: number; column?: number } };
  };
  const start = thrown.location?.start;
  const lines = text.split("\n");
  const line = Math.min(Math.max(start?.line ?? thrown.line ?? 1, 1), lines.length);
  const width = (lines[line - 1] ?? "").replace(/\r$/, "").length;
  const column = Math.min(Math.max(start?.column ?? thrown.column ?? 1, 1), width + 1);
  const isGrammar = start !== undefined;
  return {
    line,
    column,
    reason: isGrammar ? "" : messageOf(error),
    atEnd: isGrammar && thrown.found === null && line === lines.length,
  };
}

interface Explanation {
  readonly code: DiagnosticCode;
  /** 1-based, when it is not where the parser stopped. */
  readonly column?: number;
  readonly message: string;
  readonly hint?: string;
}

export function explainFailure(text: string, failure: Failure): Diagnostic {
  const line = (text.split("\n")[failure.line - 1] ?? "").replace(/\r$/, "");
  const explanation =
    failure.reason === ""
      ? explainGrammar(line, failure)
      : explainReason(failure.reason, line.slice(failure.column - 1));
  const wholeLine = explanation.code === "duplicate-key";
  const rest = line.slice(failure.column - 1).replace(/\s*(?:#.*)?$/, "");
  return {
    column: failure.column,
    ...explanation,
    path: "",
    line: failure.line,
    length: wholeLine ? Math.max(1, (/^[^=]*[^=\s]/.exec(rest)?.[0] ?? "").length) : 1,
  };
}

/** Failures the library words itself: what was quoted in its sentence is the only part kept. */
function explainReason(reason: string, rest: string): Explanation {
  const name = /'([^']*)'/.exec(reason)?.[1] ?? rest.trim();
  if (/redefine|extend|append|dotted keys/i.test(reason)) {
    const message = `"${name}" is already defined above; a key or table may appear only once.`;
    return { code: "duplicate-key", message };
  }
  if (/nesting depth/i.test(reason)) {
    const message = "Arrays or inline tables are nested too deeply; deploy.toml needs no nesting.";
    return { code: "too-deep", message };
  }
  if (/^Integer/i.test(reason)) {
    return { code: "number-too-large", message: "The integer is too large to be stored exactly." };
  }
  if (/escape|unicode/i.test(reason)) {
    return {
      code: "bad-syntax",
      message: "The escape after the backslash is not one TOML knows.",
      hint: "write \\\\ for a backslash, or use single quotes: 'C:\\path'",
    };
  }
  if (/date|time|hour|minute|second|month|day/i.test(reason)) {
    return { code: "bad-syntax", message: "The date or time does not exist in the calendar." };
  }
  return { code: "bad-syntax", message: "The line is not TOML." };
}

interface GrammarRule extends Omit<Explanation, "code" | "column"> {
  readonly applies: (line: string, failure: Failure) => boolean;
  /** Matches the line up to what is wrong, when the parser only noticed later. */
  readonly upTo?: RegExp;
}

/** First match wins; each looks at the whole line and at where the parser stopped in it. */
const GRAMMAR_RULES: readonly GrammarRule[] = [
  {
    applies: (line, { column }) => /^[\p{Cc}]/u.test(line.slice(column - 1).replace(/^\t+/, "")),
    message: "A control character stands here; TOML allows only tabs and line ends.",
  },
  {
    applies: (line, { atEnd }) => atEnd && !hasOpenString(line),
    message: "The file ends before a value, an array, an inline table or a long string is closed.",
  },
  {
    applies: (line) => /^\s*\[/.test(line) && !/^\s*\[+[^\]]+\]/.test(line),
    message: "The table header is not closed, or has no name.",
    hint: "a header looks like [scaling]",
  },
  {
    applies: (line) => /^\s*\[/.test(line),
    message: "A table header is a name in square brackets and stands alone on its line.",
    hint: "a header looks like [scaling]",
  },
  {
    applies: (line) => hasOpenString(line),
    message: "The string is not closed before the line ends.",
    hint: 'end it with "',
  },
  {
    applies: (line) => /^\s*=/.test(line),
    message: "There is no key before the equals sign.",
    hint: 'a line looks like key = "value"',
  },
  {
    applies: (line) => !line.includes("="),
    message: "There is no equals sign after the key.",
    hint: 'a line looks like key = "value"',
  },
  {
    applies: (line, { column }) => /=\s*(?:#.*)?$/.test(line) && column > line.indexOf("="),
    message: "There is no value after the equals sign.",
  },
  {
    applies: (line) => /=\s*[+-]?0\d/.test(line),
    upTo: /^[^=]*=\s*[+-]?/,
    message: "A number may not start with a zero.",
  },
  {
    applies: (line, { column }) => /=\s*$/.test(line.slice(0, column - 1)),
    message: "The value is not a string, a number, true or false.",
    hint: "put text in double quotes",
  },
  {
    applies: (line, { column }) => column <= line.indexOf("="),
    message: "A key may have letters, digits, hyphens and underscores only.",
  },
  {
    applies: (line, { column }) => line.slice(0, column - 1).includes("="),
    message: "Nothing may follow the value on its line but a comment.",
  },
];

function explainGrammar(line: string, failure: Failure): Explanation {
  const rule = GRAMMAR_RULES.find(({ applies }) => applies(line, failure));
  if (rule === undefined) return { code: "bad-syntax", message: "The line is not TOML." };
  const { message, hint } = rule;
  const column = rule.upTo === undefined ? failure.column : columnAfter(line, rule.upTo);
  return { code: "bad-syntax", column, message, ...(hint === undefined ? {} : { hint }) };
}

function columnAfter(line: string, upTo: RegExp): number {
  return (upTo.exec(line)?.[0].length ?? 0) + 1;
}

/** A single-line string that starts and does not end on its line; comments are not looked into. */
function hasOpenString(line: string): boolean {
  let quote = "";
  for (let index = 0; index < line.length; index += 1) {
    const char = line[index] ?? "";
    if (quote === "" && char === "#") return false;
    if (quote === '"' && char === "\\") index += 1;
    else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = "";
  }
  return quote !== "";
}
