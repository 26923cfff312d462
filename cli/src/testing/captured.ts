/** A command run in this process, and what it printed. */
import type { CommandSpec } from "../commands/command.ts";
import { readEnvironment } from "../config.ts";
import { CommandContext } from "../context.ts";
import { alignColumns, type Output } from "../output.ts";

function plain(text: string): string {
  return text;
}

export interface Captured {
  readonly output: Output;
  readonly lines: string[];
  readonly notes: string[];
  readonly data: unknown[];
}

export function captured(): Captured {
  const lines: string[] = [];
  const notes: string[] = [];
  const data: unknown[] = [];
  const output: Output = {
    json: false,
    data: (value) => void data.push(value),
    line: (text = "") => void lines.push(text),
    note: (text) => void notes.push(text),
    table: (header, rows) => void lines.push(...alignColumns([header, ...rows])),
    paint: { dim: plain, bold: plain, red: plain, state: plain },
  };
  return { output, lines, notes, data };
}

export interface Ran extends Omit<Captured, "output"> {
  readonly code: number;
  readonly text: string;
}

export async function run(
  spec: CommandSpec,
  options: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const { output, lines, notes, data } = captured();
  const nobody = { BIFROST_CREDENTIALS: "/nowhere/credentials.json" };
  const context = new CommandContext(output, readEnvironment({ ...nobody, ...environment }), {});
  const code = await spec.run(context, [], options);
  return { code, lines, notes, data, text: lines.join("\n") };
}
