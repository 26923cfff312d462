/** What runs policies inside one process: told scripts by the parent, asked for chains by the data plane. */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { Timers } from "@bifrost/shared/domain/time";
import type { LimitsFromPlane, LimitsToPlane } from "../limits/limit-messages.ts";
import type { ScriptMarker } from "../policies/policy-host.ts";
import type { ChainOf } from "../routing/site.ts";

/** `our-limits@3`: a script and its version; what is disabled is disabled by both. */
export type ScriptKey = string;

export function scriptKey({ name, version }: Pick<PolicyScript, "name" | "version">): ScriptKey {
  return `${name}@${version}`;
}

/** Everything a process needs to know of policies at one moment. */
export interface PolicySet {
  readonly scripts: readonly PolicyScript[];
  /** Not to be run any more: their requests are answered as each script's `on_error` says. */
  readonly disabled: ReadonlySet<ScriptKey>;
}

export const NO_POLICIES: PolicySet = { scripts: [], disabled: new Set() };

/** A script was taken out of service in one process. */
export interface PolicyFault {
  /** As the engine tells errors apart; `stuck` = it held its process up and was ended with it. */
  readonly kind: string;
  readonly script: string;
  readonly version: number;
  readonly line: number | null;
  readonly message: string;
  readonly stack: string | null;
}

/** A line that a script wrote by `log(...)`. */
export interface PolicyLogLine {
  readonly script: string;
  readonly version: number;
  readonly text: string;
}

/** Counted by script since the last report. */
export interface PolicyCounts {
  readonly calls: number;
  readonly errors: number;
  /** Calls that were ended because they took too long. */
  readonly overBudget: number;
}

export interface PolicyRuntime {
  readonly chainOf: ChainOf;
  /** Takes the whole set; whoever holds chains asks for them anew afterwards. */
  load(policies: PolicySet): void;
  /** Counts since the last call. */
  takeCounts(): ReadonlyMap<ScriptKey, PolicyCounts>;
  /** Keys `limit` keeps now. */
  limiterKeys(): number;
  /** What the node says of limits. */
  hearLimits(message: LimitsToPlane): void;
  close(): void;
}

export interface PolicyRuntimeOptions {
  readonly timers: Timers;
  readonly marker: ScriptMarker;
  readonly onFault: (fault: PolicyFault) => void;
  readonly onLog: (line: PolicyLogLine) => void;
  /** Takes what `limit` has to say to the node. */
  readonly tellLimits: (message: LimitsFromPlane) => void;
}

export type StartPolicyRuntime = (options: PolicyRuntimeOptions) => Promise<PolicyRuntime>;
