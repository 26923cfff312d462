/** How long a message waits after a failed delivery. */

export interface RetryPolicy {
  readonly minimumMs: number;
  readonly maximumMs: number;
}

/** What the API fills in when a retry policy leaves a bound out. */
export const DEFAULT_RETRY: RetryPolicy = { minimumMs: 10_000, maximumMs: 600_000 };
/** Push without a retry policy: Pub/Sub's own push backoff, 100 ms to 60 s. */
export const PUSH_RETRY: RetryPolicy = { minimumMs: 100, maximumMs: 60_000 };
/** Pull without a retry policy: at once. */
export const IMMEDIATE_RETRY: RetryPolicy = { minimumMs: 0, maximumMs: 0 };

/** Doubles from the minimum to the maximum; `attempt` counts from 1. */
export function backoffMs(policy: RetryPolicy, attempt: number): number {
  return Math.min(policy.maximumMs, policy.minimumMs * 2 ** Math.min(attempt - 1, 40));
}
