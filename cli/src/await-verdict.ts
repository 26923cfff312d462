/** Waits until a gateway has checked a version, and says how it went. */
import type { PolicyVersionView } from "@bifrost/shared/api/policies";
import { BifrostError, isBifrostError } from "@bifrost/shared/domain/errors";
import { systemTimers, type Timers } from "@bifrost/shared/domain/time";
import type { Client } from "./client.ts";
import type { Output } from "./output.ts";

export interface VerdictOptions {
  readonly client: Pick<Client, "policy">;
  readonly output: Output;
  readonly name: string;
  readonly version: PolicyVersionView;
  readonly timeoutMs: number;
  readonly timers?: Timers;
}

const ASK_EVERY_MS = 300;
const REMIND_EVERY_MS = 5000;
/** Failed questions in a row after which waiting is given up. */
const TOLERATED_FAILURES = 20;

/** The version with its verdict; still `pending` when no gateway gave one in time. */
export async function awaitVerdict(options: VerdictOptions): Promise<PolicyVersionView> {
  const { client, output, name, timers = systemTimers } = options;
  let { version } = options;
  const begin = timers.now();
  let remindAt = begin + REMIND_EVERY_MS;
  let failures = 0;
  while (version.verdict === "pending" && timers.now() - begin < options.timeoutMs) {
    await timers.sleep(ASK_EVERY_MS);
    try {
      version = find(await client.policy(name), version);
      failures = 0;
    } catch (error) {
      if (!isBifrostError(error, "upstream-unavailable") || ++failures > TOLERATED_FAILURES)
        throw error;
    }
    if (version.verdict !== "pending" || timers.now() < remindAt) continue;
    remindAt += REMIND_EVERY_MS;
    const seconds = Math.round((timers.now() - begin) / 1000);
    output.note(`Waiting for a gateway to check version ${version.version} (${seconds} s) …`);
  }
  return version;
}

function find(
  { name, versions }: Awaited<ReturnType<Client["policy"]>>,
  { version }: PolicyVersionView,
): PolicyVersionView {
  const found = versions.find((one) => one.version === version);
  if (found !== undefined) return found;
  throw new BifrostError("not-found", `version ${version} of ${name} was deleted meanwhile`);
}

export function printVerdict(output: Output, name: string, version: PolicyVersionView): void {
  const { paint } = output;
  const what = `version ${version.version} of ${name}`;
  if (version.verdict === "passed") output.line(`✓ ${what} passed its check`);
  else if (version.verdict === "failed") output.line(paint.red(`✗ ${what} failed its check`));
  else
    output.line(
      `… ${what} is not checked yet; is a gateway running? \`bifrost policies show ${name}\` says when it is`,
    );
  for (const text of version.report)
    for (const line of text.split("\n")) output.line(`  ${paint.dim("│")} ${line}`);
}
