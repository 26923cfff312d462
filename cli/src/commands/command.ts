/** The shape of every command: how it is called, an example, and what it does. */
import type { CommandContext } from "../context.ts";

export interface CommandSpec {
  /** Name and arguments as commander reads them: `logs [deployment]`. */
  readonly usage: string;
  readonly description: string;
  readonly example: string;
  readonly options?: readonly (readonly [flags: string, description: string])[];
  /** Answers the exit code. */
  readonly run: (
    context: CommandContext,
    args: readonly (string | undefined)[],
    options: Readonly<Record<string, unknown>>,
  ) => Promise<number>;
}
