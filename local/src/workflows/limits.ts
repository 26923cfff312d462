/**
 * Quotas of Cloud Workflows, enforced here so that a definition which works locally is not refused in production.
 * Numbers: Google's quota page (executions) and the figures quoted from it by other emulators (the rest).
 */
import { raised } from "./workflow-error.ts";

export const LIMITS = {
  sourceBytes: 128 * 1024,
  expressionChars: 400,
  assignmentsPerStep: 50,
  conditionsPerSwitch: 50,
  branchesPerParallel: 10,
  concurrentBranches: 20,
  parallelNesting: 2,
  callDepth: 20,
  stepsPerExecution: 100_000,
  argumentBytes: 32 * 1024,
  variableBytes: 512 * 1024,
  responseBytes: 2 * 1024 * 1024,
  httpTimeoutSeconds: 1800,
  callbackTimeoutSeconds: 43_200,
  executionSeconds: 365 * 24 * 3600,
} as const;

/** Bytes held by all variables of one execution; refuses to grow past the quota. */
export class MemoryMeter {
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws WorkflowError `ResourceLimitError` when the variables would hold more than 512 KB. */
  change(delta: number): void {
    if (delta > 0 && this.#bytes + delta > LIMITS.variableBytes) {
      throw raised(
        "ResourceLimitError",
        `variables hold ${this.#bytes + delta} bytes; ${LIMITS.variableBytes} are allowed`,
      );
    }
    this.#bytes += delta;
  }
}
