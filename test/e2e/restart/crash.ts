/** Ends a platform as a power cut would, and tells what it left running. */
import { readFileSync } from "node:fs";
import type { PlatformUnderTest } from "../../support/platform.ts";
import { descendantsOf, type RunningProcess } from "../../support/processes.ts";
import { until } from "../../support/until.ts";

/** A process that cannot be mistaken for a later one with the same number. */
export interface Relative extends RunningProcess {
  readonly startTicks: string;
}

/** Children must notice the end of the platform by themselves. */
const GONE_WITHIN_MS = 5_000;

/**
 * Kills the main process at once and returns everything that descended from it at that moment: functions, gateway,
 * apps, sidecars, build steps. It is frozen first, so that the list is complete and nothing happens between.
 */
export function killAtOnce(platform: PlatformUnderTest): readonly Relative[] {
  process.kill(platform.pid, "SIGSTOP");
  const family = familyOf(platform.pid);
  process.kill(platform.pid, "SIGKILL");
  return family;
}

export function familyOf(pid: number): readonly Relative[] {
  return descendantsOf(pid).flatMap((found) => {
    const startTicks = startOf(found.pid);
    return startTicks === null ? [] : [{ ...found, startTicks }];
  });
}

/** Throws with the command lines of those that outlive their platform. */
export async function untilGone(family: readonly Relative[]): Promise<void> {
  let left = family;
  await until(() => (left = left.filter(isAlive)).length === 0, {
    timeoutMs: GONE_WITHIN_MS,
    everyMs: 10,
    what: "the end of all processes",
  }).catch(() => {
    const lines = left.map(({ pid, commandLine }) => `  ${pid} ${commandLine.slice(0, 160)}`);
    throw new Error(`still running ${GONE_WITHIN_MS} ms after the kill:\n${lines.join("\n")}`);
  });
}

function isAlive({ pid, startTicks }: Relative): boolean {
  return startOf(pid) === startTicks;
}

/** Null for what has ended, zombies included. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
