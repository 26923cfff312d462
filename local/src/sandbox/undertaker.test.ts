import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { systemTimers } from "@bifrost/shared/domain/time";
import { expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("testing/leave-marked.ts", import.meta.url));

/** Kills a platform of its own with SIGKILL; answers the pid of the marked process that it left. */
async function killedPlatform(...args: readonly string[]): Promise<number> {
  const platform = spawn(process.execPath, ["--import", "tsx", SCRIPT, randomUUID(), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(platform.stdout, "data")) as [Buffer];
  platform.kill("SIGKILL");
  await once(platform, "exit");
  return Number(line);
}

/** A zombie has ended; only its parent has not looked yet. */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}

async function isGoneWithin(pid: number, ms: number): Promise<boolean> {
  for (const end = Date.now() + ms; Date.now() < end; await systemTimers.sleep(20)) {
    if (!isRunning(pid)) return true;
  }
  return false;
}

test("what a killed platform leaves with its mark is ended", async () => {
  expect(await isGoneWithin(await killedPlatform(), 15_000)).toBe(true);
});

test("an undertaker that was dismissed looks for nothing", async () => {
  const left = await killedPlatform("dismissed");
  expect(await isGoneWithin(left, 1_500)).toBe(false);
  process.kill(left, "SIGKILL");
});
