/** Says when a script has failed too often to be asked again. */
import type { PolicyError } from "../lua/policy-error.ts";

/** Of the last so many calls ... */
const WINDOW = 64;
/** ... this many failed, and half of those there were ... */
const MIN_FAILURES = 10;
/** ... or this many ran out of time or memory, each of which holds up everything else in the process. */
const MAX_HEAVY = 5;

interface Failure {
  readonly call: number;
  readonly isHeavy: boolean;
}

/**
 * A script that fails on few requests only, however surely, stays: those get what its `on_error` says, and all others what it
 * decides.
 */
export class Breaker {
  calls = 0;
  isOut = false;
  private recent: Failure[] = [];

  /** Whether this failure is the one too many. */
  failed({ kind }: PolicyError): boolean {
    const isHeavy = kind !== "error" && kind !== "load";
    this.recent = this.recent.filter(({ call }) => call > this.calls - WINDOW);
    this.recent.push({ call: this.calls, isHeavy });
    if (this.isOut) return false;
    const half = Math.min(this.calls, WINDOW) / 2;
    const failures = this.recent.length;
    this.isOut =
      kind === "load" ||
      (failures >= MIN_FAILURES && failures >= half) ||
      this.recent.filter((failure) => failure.isHeavy).length >= MAX_HEAVY;
    return this.isOut;
  }
}
