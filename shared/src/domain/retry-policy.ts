/** How calls of idempotent functions are repeated: data, so that workflow files and TypeScript callers share it. */

export interface RetryPolicy {
  /** Repeats after the first call. */
  readonly maxRetries: number;
  readonly initialDelaySeconds: number;
  readonly maxDelaySeconds: number;
  /** Each delay is the one before times this. */
  readonly multiplier: number;
  /** HTTP statuses worth repeating; connection failures and timeouts always are. */
  readonly statuses: readonly number[];
}

/**
 * Calls from workflows to functions. 500 is included, which Google's default policies leave out, because every
 * function is idempotent per deployment, attempt and move. The eight delays add up to about 33 seconds.
 */
export const FUNCTION_CALL_RETRY: RetryPolicy = {
  maxRetries: 8,
  initialDelaySeconds: 0.2,
  maxDelaySeconds: 10,
  multiplier: 2,
  statuses: [429, 500, 502, 503, 504],
};

/** Milliseconds to wait before retry number `attempt`, counted from 1. */
export function delayMs(policy: RetryPolicy, attempt: number): number {
  const grown = policy.initialDelaySeconds * policy.multiplier ** Math.max(0, attempt - 1);
  return Math.round(Math.min(grown, policy.maxDelaySeconds) * 1000);
}

export function isRetryableStatus(policy: RetryPolicy, status: number): boolean {
  return policy.statuses.includes(status);
}
