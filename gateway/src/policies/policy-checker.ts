/** What judges a candidate: compiles it, runs its unit tests, and tries it on requests that were served lately. */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { RecordedRequest } from "../workers/request-ring.ts";

export interface Candidate {
  readonly script: PolicyScript;
  /** `*_test.lua`; null = it has none. */
  readonly test: string | null;
  readonly requests: readonly RecordedRequest[];
}

export interface CheckResult {
  readonly passed: boolean;
  /** In words, a line each: what was done, and what failed with script, line and stack. */
  readonly report: readonly string[];
}

export interface PolicyChecker {
  /** A candidate that hangs or breaks has failed; throws only when nothing could be found out about it. */
  check(candidate: Candidate): Promise<CheckResult>;
}
