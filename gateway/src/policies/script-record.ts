/** What is known of one version of a script in this process: counters, and whether it was taken out of service. */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { PolicyError } from "../lua/policy-error.ts";
import { FailureWindow } from "./failure-window.ts";

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
  private readonly window = new FailureWindow();

  constructor(script: PolicyScript, number: number) {
    this.script = script;
    this.number = number;
    this.onError = /^\s*on_error\s*=\s*["']allow["']/m.test(script.source) ? "allow" : "deny";
  }

  /** Whether this failure takes the script out of service, where it has one use only. */
  failed(error: PolicyError): boolean {
    this.count(error);
    if (this.isOut) return false;
    this.isOut = this.window.isBroken(error, this.calls);
    return this.isOut;
  }

  count({ kind }: PolicyError): void {
    this.errors++;
    if (kind === "budget") this.budgetKills++;
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
