/** What the wasm module exports. */
import { Core, startCore } from "./core.ts";

/** sysexits.h: wrong usage. */
const EXIT_USAGE: i32 = 64;
const DONE: f64 = -1;

let running: Core | null = null;

/** 0 = go on; anything else is an exit code, its reason logged. */
export function init(now: f64): i32 {
  running = startCore(now);
  return running === null ? EXIT_USAGE : 0;
}

/** Advances everything; milliseconds until the next step unless a wanted event comes first, -1 = the program is over. */
export function step(now: f64): f64 {
  const core = running;
  return core === null ? DONE : core.step(now);
}

/** No further probes; what is queued is sent for at most `graceMs`. */
export function stop(now: f64, graceMs: f64): void {
  const core = running;
  if (core !== null) core.stop(now, graceMs);
}
