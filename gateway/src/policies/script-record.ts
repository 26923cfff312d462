/** What is known of one version of a script in this process: counters, and whether it was taken out of service. */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { PolicyError } from "../lua/policy-error.ts";

/** Of the last so many calls ... */
const WINDOW = 64;
/** ... this many failed, or half of those there were ... */
const MIN_FAILURES = 10;
/** ... or this many ran out of time or memory, each of which holds up everything else in the process. */
const MAX_HEAVY = 5;
/** One call in so many is timed. */
export const TIMED_EVERY = 64;

export interface ScriptStats {
  readonly name: string;
  readonly version: number;
  readonly calls: number;
  readonly errors: number;
  /** Errors that were kills for running too long. */
  readonly budgetKills: number;
  /** Extrapolated from the calls that were timed. */
  readonly totalMs: number;
  readonly isOut: boolean;
}

interface Failure {
  readonly call: number;
  readonly isHeavy: boolean;
}

export class ScriptRecord {
  readonly script: PolicyScript;
  /** Under which a CallMarker knows it. */
  readonly number: number;
  /** As the script says; read from its text until it was loaded once. */
  onError: "deny" | "allow";
  calls = 0;
  totalMs = 0;
  /** Out of service: on_error applies to each call. */
  isOut = false;
  private errors = 0;
  private budgetKills = 0;
  private recent: Failure[] = [];

  constructor(script: PolicyScript, number: number) {
    this.script = script;
    this.number = number;
    this.onError = /^\s*on_error\s*=\s*["']allow["']/m.test(script.source) ? "allow" : "deny";
  }

  /** Whether this failure takes the script out of service. */
  failed(error: PolicyError): boolean {
    const isHeavy = error.kind !== "error" && error.kind !== "load";
    this.errors++;
    if (error.kind === "budget") this.budgetKills++;
    this.recent = this.recent.filter(({ call }) => call > this.calls - WINDOW);
    this.recent.push({ call: this.calls, isHeavy });
    if (this.isOut) return false;
    const half = Math.min(this.calls, WINDOW) / 2;
    const failures = this.recent.length;
    this.isOut =
      error.kind === "load" ||
      (failures >= MIN_FAILURES && failures >= half) ||
      this.recent.filter((failure) => failure.isHeavy).length >= MAX_HEAVY;
    return this.isOut;
  }

  stats(): ScriptStats {
    const { script, calls, errors, budgetKills, totalMs, isOut } = this;
    return {
      name: script.name,
      version: script.version,
      calls,
      errors,
      budgetKills,
      totalMs,
      isOut,
    };
  }
}
