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

  constructor(what: string, at: Position) {
    super(`line ${at.line}, column ${at.column}: ${what}`);
    this.line = at.line;
    this.column = at.column;
  }
}
