/** What is known of one version of a script in this process: counters, and where it was taken out of service. */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { PolicyError } from "../lua/policy-error.ts";
import { Breaker } from "./breaker.ts";

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
  /** Out of service for everybody: on_error applies to each call. */
  isOut = false;
  private errors = 0;
  private budgetKills = 0;
  private readonly whole = new Breaker();
  /** Of a script that many share, the newest one of each project. */
  private readonly ofProjects = new Map<string, Breaker>();

  constructor(script: PolicyScript, number: number) {
    this.script = script;
    this.number = number;
    this.onError = /^\s*on_error\s*=\s*["']allow["']/m.test(script.source) ? "allow" : "deny";
  }

  /** Whether it may stay as it is when this script is what is to serve. */
  isStill({ version, source, teamId }: PolicyScript): boolean {
    const { script } = this;
    const isSame =
      script.version === version && script.source === source && script.teamId === teamId;
    return isSame && !this.isOut;
  }

  /**
   * What counts the failures of one use. A team's script is judged as a whole. One that many teams share is judged for each
   * project by itself, because the settings and the visitors of a single one may be why it fails.
   */
  breakerFor(projectId: string, known: Breaker | undefined): Breaker {
    if (this.script.teamId !== undefined) return this.whole;
    const breaker = known ?? new Breaker();
    this.ofProjects.set(projectId, breaker);
    return breaker;
  }

  /** Which part of its service this failure ends, if any. */
  failed(breaker: Breaker, error: PolicyError): "all" | "project" | null {
    this.count(error);
    if (!breaker.failed(error) || this.isOut) return null;
    this.isOut = error.kind === "load" || breaker === this.whole || this.failsAtMost();
    return this.isOut ? "all" : "project";
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

  /** For more than half of the projects that use it; those that come with the gateway are not to blame. */
  private failsAtMost(): boolean {
    if (this.script.version === 0) return false;
    const used = [...this.ofProjects.values()].filter(({ calls }) => calls > 0);
    return used.filter(({ isOut }) => isOut).length > used.length / 2;
  }
}
