/** Which failures are too many. */
import type { PolicyError } from "../lua/policy-error.ts";

/** Of the last so many calls ... */
const WINDOW = 64;
/** ... this many failed, or half of those there were ... */
const MIN_FAILURES = 10;
/** ... or this many ran out of time or memory, each of which holds up everything else in the process. */
const MAX_HEAVY = 5;

interface Failure {
  readonly call: number;
  readonly isHeavy: boolean;
}

export class FailureWindow {
  private recent: Failure[] = [];

  /** Takes one failure, that of the `call`th call. */
  isBroken({ kind }: Pick<PolicyError, "kind">, call: number): boolean {
    const isHeavy = kind !== "error" && kind !== "load";
    this.recent = this.recent.filter((failure) => failure.call > call - WINDOW);
    this.recent.push({ call, isHeavy });
    const half = Math.min(call, WINDOW) / 2;
    const failures = this.recent.length;
    return (
      kind === "load" ||
      (failures >= MIN_FAILURES && failures >= half) ||
      this.recent.filter((failure) => failure.isHeavy).length >= MAX_HEAVY
    );
  }
}
