/** `bifrost policies logs`: what the scripts of a policy wrote with `log()`, wherever they ran. */
import type { PolicyLogView } from "@bifrost/shared/api/policies";
import { isBifrostError } from "@bifrost/shared/domain/errors";
import { systemTimers, type Timers } from "@bifrost/shared/domain/time";
import type { Client } from "../client.ts";
import { EXIT } from "../exit-code.ts";
import { onInterrupt } from "../interrupt.ts";
import type { Output } from "../output.ts";
import type { CommandSpec } from "./command.ts";

const ASK_EVERY_MS = 1000;
/** Failed questions in a row after which following is given up. */
const TOLERATED_FAILURES = 20;

export const policyLogs: CommandSpec = {
  usage: "logs <policy>",
  description: "show what a policy logged during the last week",
  example: "bifrost policies logs our-limits -f",
  options: [["-f, --follow", "go on as new lines come"]],
  async run({ client, output }, [name = ""], options) {
    if (options["follow"] === true) {
      const signal = onInterrupt(() => {});
      return followPolicyLogs({ client, output, name, signal });
    }
    const { items } = await client.policyLogs(name, null);
    show(output, items);
    if (items.length === 0) output.note(`${name} has logged nothing lately.`);
    return EXIT.ok;
  },
};

export interface FollowLogsOptions {
  readonly client: Pick<Client, "policyLogs">;
  readonly output: Output;
  readonly name: string;
  readonly signal: AbortSignal;
  readonly timers?: Timers;
}

export async function followPolicyLogs(options: FollowLogsOptions): Promise<number> {
  const { client, output, name, signal, timers = systemTimers } = options;
  let cursor: string | null = null;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const { items, nextCursor } = await client.policyLogs(name, cursor);
      cursor = nextCursor;
      failures = 0;
      show(output, items);
    } catch (error) {
      if (!isBifrostError(error, "upstream-unavailable") || ++failures > TOLERATED_FAILURES)
        throw error;
    }
    await timers.sleep(ASK_EVERY_MS, signal);
  }
  return EXIT.interrupted;
}

function show(output: Output, batches: readonly PolicyLogView[]): void {
  for (const { at, version, text } of batches.flatMap(({ lines }) => lines)) {
    output.data({ at, version, text });
    for (const line of text.split("\n"))
      output.line(`${output.paint.dim(`${at} v${version} │`)} ${line}`);
  }
}
