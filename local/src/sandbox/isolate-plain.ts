/**
 * No namespaces at all: a process group with a guard, and the mounts imitated by rewriting paths. What the user
 * may read, the process may read; a descendant that starts its own session and loses its parent at once escapes.
 */
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { HostView } from "./host-view.ts";
import { innerEnvironment, orderedMounts, refuseOwnRoot } from "./isolation.ts";
import type { Isolate } from "./isolation.ts";
import type { SandboxMount, SandboxSpec } from "./sandbox.ts";

/** The guard waits for the platform's end of descriptor 3 to close, however the platform ends. */
export const GUARD =
  '( ( read -r x <&3; kill -KILL -$$ ) </dev/null >/dev/null 2>&1 & ); exec 3<&-; exec "$@"';

/** A backstop between two looks of the memory watch; exact limits are the watch's work. */
const DATA_FLOOR_BYTES = 512 * 1024 ** 2;

export function plainIsolation(view: HostView, stateDir: string): Isolate {
  return (spec) => {
    refuseOwnRoot(spec, "plain");
    mkdirSync(stateDir, { recursive: true });
    const home = mkdtempSync(join(stateDir, "home-"));
    const here = (text: string): string => rewriteTargets(text, spec.mounts);
    const env = Object.entries(innerEnvironment(spec, view.path, home));
    return {
      argv: ["/bin/sh", "-c", GUARD, "sh", ...dataLimit(spec), ...spec.argv.map(here)],
      env: Object.fromEntries(env.map(([name, value]) => [name, here(value)])),
      cwd: here(spec.cwd),
      detached: true,
      wrapperDepth: 0,
      scratch: [home],
    };
  };
}

function dataLimit(spec: SandboxSpec): readonly string[] {
  if (spec.memoryBytes === undefined) return [];
  return ["prlimit", `--data=${Math.max(DATA_FLOOR_BYTES, 2 * spec.memoryBytes)}`, "--"];
}

/** `/app/server.js` → `<source>/server.js` when `/app` is a mount's target; anything else unchanged. */
export function rewriteTargets(text: string, mounts: readonly SandboxMount[]): string {
  for (const mount of orderedMounts(mounts).toReversed()) {
    if (text === mount.target) return mount.source;
    if (text.startsWith(`${mount.target}/`)) return mount.source + text.slice(mount.target.length);
  }
  return text;
}

/** The guard is part of the machinery, not of what runs in the sandbox. */
export function isGuard(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(GUARD);
  } catch {
    return false;
  }
}
