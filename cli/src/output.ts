/** Everything the command line prints: data on standard output, words on standard error, JSON when asked. */
import { stripVTControlCharacters } from "node:util";
import type { State } from "@bifrost/shared/domain/lifecycle";
import { STATES } from "@bifrost/shared/domain/lifecycle";

export interface Output {
  readonly json: boolean;
  /** One JSON value per line with --json; nothing otherwise. */
  data(value: unknown): void;
  /** A line for people; not with --json. */
  line(text?: string): void;
  /** A remark beside the data; on standard error, not with --json. */
  note(text: string): void;
  table(header: readonly string[], rows: readonly (readonly string[])[]): void;
  readonly paint: Paint;
}

export interface Paint {
  dim(text: string): string;
  bold(text: string): string;
  state(state: State): string;
  red(text: string): string;
}

/** The reader of a pipe has left. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}

const CODES = { grey: 90, blue: 34, green: 32, red: 31 } as const;

function painter(color: boolean): Paint {
  const wrap = (code: number) => (text: string) =>
    color ? `\u001B[${code}m${text}\u001B[0m` : text;
  return {
    dim: wrap(2),
    bold: wrap(1),
    red: wrap(CODES.red),
    state: (state) => wrap(CODES[STATES[state].color])(STATES[state].label.toLowerCase()),
  };
}

export function createOutput(options: { json: boolean; color: boolean }): Output {
  const { json } = options;
  const paint = painter(options.color && !json);
  const line = (text = "") => {
    if (!json) process.stdout.write(`${text}\n`);
  };
  return {
    json,
    paint,
    line,
    data(value) {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
    },
    note(text) {
      if (!json) process.stderr.write(`${text}\n`);
    },
    table(header, rows) {
      for (const row of alignColumns([header.map((cell) => paint.dim(cell)), ...rows])) line(row);
    },
  };
}

function width(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** Pads every column to its widest cell, colour codes not counted. */
export function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - width(cell)))
      .join("  ")
      .trimEnd(),
  );
}
