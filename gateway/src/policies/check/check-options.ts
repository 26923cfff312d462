/** What a check in its own process is given. */
import type { LuaInstance } from "../../lua/lua-instance.ts";
import type { Candidate } from "../policy-checker.ts";

export const CHECK_PHASES = ["load", "tests", "canary"] as const;
export type CheckPhase = (typeof CHECK_PHASES)[number];

export interface CheckOptions {
  readonly lua: LuaInstance;
  readonly candidate: Candidate;
  /** Said before each one: a candidate may hang in it. */
  readonly onPhase: (phase: CheckPhase) => void;
}
