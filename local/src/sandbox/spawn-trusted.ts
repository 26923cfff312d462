/** Runs one of the platform's own programs with the life of a sandboxed one, but without walls around it. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { GUARD } from "./isolate-plain.ts";
import { MemoryWatch } from "./memory-watch.ts";
import type { SandboxedProcess } from "./sandbox.ts";
import { spawnSandboxed } from "./spawn-sandboxed.ts";

export interface TrustedSpec {
  readonly label: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Dies with the platform however that ends; sees everything the platform sees. */
export function spawnTrusted(
  spec: TrustedSpec,
  around: { readonly timers: Timers; readonly log: Logger },
): SandboxedProcess {
  const command = {
    argv: ["/bin/sh", "-c", GUARD, "sh", ...spec.argv],
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", ...spec.env },
    cwd: spec.cwd,
    detached: true,
    wrapperDepth: 0,
    scratch: [],
  } as const;
  const watch = new MemoryWatch(around.timers);
  return spawnSandboxed({ ...spec, mounts: [] }, command, undefined, { ...around, watch });
}
