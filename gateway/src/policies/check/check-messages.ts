/** Between the gateway and the process that checks one candidate. */
import type { Candidate, CheckResult } from "../policy-checker.ts";
import type { CheckPhase } from "./check-options.ts";

export interface ToCheck {
  readonly kind: "check";
  readonly candidate: Candidate;
}

export type FromCheck =
  | { readonly kind: "up" }
  | { readonly kind: "phase"; readonly phase: CheckPhase }
  | { readonly kind: "result"; readonly result: CheckResult };
