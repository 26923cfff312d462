/** The core as plain TypeScript on a fake host. */
import { startCore } from "../core/core.ts";
import type { FakeHost, RunningCore } from "./fake-host.ts";
import { onHost } from "./host-double.ts";

export function startPlain(host: FakeHost): RunningCore | number {
  const core = onHost(host, () => startCore(host.now));
  if (core === null) return 64;
  return {
    step: (now) => onHost(host, () => core.step(now)),
    stop: (now, graceMs) => onHost(host, () => core.stop(now, graceMs)),
    // JavaScript does not tell.
    growth: () => 0,
  };
}
