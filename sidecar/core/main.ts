/** What the wasm module exports. */
import { Core } from "./core.ts";

const core = new Core();

/** 0 = go on; anything else is an exit code, its reason logged. */
export function init(now: f64): i32 {
  return core.init(now);
}

/** Advances everything; milliseconds until the next step unless a wanted event comes first, -1 = the program is over. */
export function step(now: f64): f64 {
  return core.step(now);
}

/** No further probes; what is queued is sent for at most `graceMs`. */
export function stop(now: f64, graceMs: f64): void {
  core.stop(now, graceMs);
}
