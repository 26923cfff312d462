/** Control groups of RUN steps: the container runtime makes them at the root and leaves those of a killed build. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { Timers } from "@bifrost/shared/domain/time";

const ROOT = "/sys/fs/cgroup";

const ATTEMPTS = 100;
const RETRY_MS = 10;

/** What the names of all groups begin with that the platform with this data directory makes. */
export function groupPrefix(home: string): string {
  return `bifrost-engine-${createHash("sha256").update(home).digest("hex").slice(0, 12)}`;
}

/** Groups whose name begins with `prefix`, at the root of every hierarchy. */
export function findGroups(prefix: string): readonly string[] {
  return [ROOT, ...directoriesOf(ROOT)]
    .flatMap((hierarchy) => directoriesOf(hierarchy))
    .filter((group) => basename(group).startsWith(prefix));
}

/** Removes those there are now, with whatever still runs inside; groups made meanwhile are left alone. */
export async function removeGroups(prefix: string, timers: Timers): Promise<void> {
  let groups = findGroups(prefix);
  // The kernel empties a group a moment after its last process.
  for (let attempt = 0; groups.length > 0 && attempt < ATTEMPTS; attempt += 1) {
    for (const group of groups) removeGroup(group);
    groups = groups.filter((group) => existsSync(group));
    if (groups.length > 0) await timers.sleep(RETRY_MS);
  }
}

function removeGroup(group: string): void {
  for (const child of directoriesOf(group)) removeGroup(child);
  for (const pid of pidsOf(group)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
  try {
    rmdirSync(group);
  } catch {
    // Gone already, or still emptying: the next attempt takes it.
  }
}

function directoriesOf(dir: string): readonly string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(dir, entry.name));
  } catch {
    return [];
  }
}

function pidsOf(group: string): readonly number[] {
  try {
    const text = readFileSync(join(group, "cgroup.procs"), "utf8");
    return text.split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
