/** memberlist's one class of suspicion on its LAN settings: multiplier 4, maximum 6 times the minimum. */
const MULTIPLIER = 4;
const MAX_MULTIPLIER = 6;
const PROBE_INTERVAL_MS = 1000;

/** Confirmations beyond the first that bring the time down to the minimum; 0 when there are too few nodes to ask. */
export function suspicionNeeds(nodes: number): number {
  const needed = MULTIPLIER - 2;
  return nodes - 2 < needed ? 0 : needed;
}

export function suspicionMs(nodes: number, needed: number, confirmations: number): number {
  const minMs = MULTIPLIER * Math.max(1, Math.log10(Math.max(1, nodes))) * PROBE_INTERVAL_MS;
  if (needed < 1) return minMs;
  const maxMs = MAX_MULTIPLIER * minMs;
  const share = Math.log(confirmations + 1) / Math.log(needed + 1);
  return Math.max(minMs, Math.floor(maxMs - share * (maxMs - minMs)));
}
