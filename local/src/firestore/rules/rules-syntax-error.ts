/** Why a rules file was refused, and where; a refused file is never loaded in part. */

/** A place in the source: `offset` in UTF-16 units from 0, `line` and `column` from 1. */
export interface Position {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

export class RulesSyntaxError extends Error {
  override readonly name = "RulesSyntaxError";
  readonly line: number;
  readonly column: number;

  constructor(what: string, source: string, at: Position) {
    super(`line ${at.line}, column ${at.column}: ${what}\n${frame(source, at)}`);
    this.line = at.line;
    this.column = at.column;
  }
}

const FRAME_WIDTH = 160;

/** The offending line with a caret under the column. */
function frame(source: string, at: Position): string {
  const text = (source.split("\n")[at.line - 1] ?? "").replaceAll("\t", " ");
  const from = Math.max(0, at.column - FRAME_WIDTH);
  const number = String(at.line);
  const shown = text.slice(from, from + FRAME_WIDTH * 2);
  return `  ${number} | ${shown}\n  ${" ".repeat(number.length)} | ${" ".repeat(at.column - 1 - from)}^`;
}
