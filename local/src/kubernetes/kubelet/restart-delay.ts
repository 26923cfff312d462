/** How long a crashed container waits: 1 s, then 10 s doubling to 5 min; a run of 10 min starts over. */

const FIRST_MS = 1000;
const SECOND_MS = 10_000;
const LONGEST_MS = 300_000;
export const FORGIVEN_AFTER_MS = 600_000;

/** `crashes` counts ends in a row, the present one included. Kubernetes would wait 10 s the first time. */
export function restartDelayMs(crashes: number): number {
  if (crashes <= 1) return FIRST_MS;
  return Math.min(LONGEST_MS, SECOND_MS * 2 ** Math.min(crashes - 2, 10));
}
