/** A node that is often wrong about others, or was itself suspected, doubts itself and probes more slowly (Lifeguard). */
export const MAX_AWARENESS = 7;

/** 0 = well. +1 for each refutation of its own and each stall it notices, -1 for each probe answered. */
export function adjustAwareness(score: number, by: number): number {
  return Math.max(0, Math.min(MAX_AWARENESS, score + by));
}

export function probeIntervalMs(baseMs: number, score: number): number {
  return baseMs * (score + 1);
}
