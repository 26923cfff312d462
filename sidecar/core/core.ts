/** The sidecar without its I/O: told the time, it probes, samples, reports and says when it wants to be woken. */
import { bytesOf } from "./bytes.ts";
import * as host from "./host.ts";

/** What `step` answers when the program is over. */
const DONE: f64 = -1;

export class Core {
  private isStopping: bool = false;

  init(_now: f64): i32 {
    host.log(bytesOf("started"));
    return 0;
  }

  step(_now: f64): f64 {
    return this.isStopping ? DONE : 1000;
  }

  stop(_now: f64, _graceMs: f64): void {
    this.isStopping = true;
  }
}
