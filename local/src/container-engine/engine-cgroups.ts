/** Control groups of RUN steps: the container runtime makes them at the root and leaves those of a killed build. */
import { readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

const ROOT = "/sys/fs/cgroup";

/** Everything below `prefix` at the root of every hierarchy, with whatever still runs in it. */
export function removeCgroups(prefix: string): void {
  for (const hierarchy of [ROOT, ...directoriesOf(ROOT)]) {
    for (const group of directoriesOf(hierarchy)) {
      if (group.slice(hierarchy.length + 1).startsWith(prefix)) removeGroup(group);
    }
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
    // Gone already, or still emptying: the next sweep takes it.
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
