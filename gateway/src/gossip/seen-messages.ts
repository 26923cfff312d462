/** Broadcasts that were delivered already, for as long as copies may still come; bounded. */
export interface SeenMessages {
  /** By name, to when it may be forgotten; in the order in which they came. */
  readonly until: Map<string, number>;
}

const MAX_SEEN = 65_536;

export function newSeenMessages(): SeenMessages {
  return { until: new Map() };
}

/** Whether this is the first time; remembers it. */
export function isFirstTime(seen: SeenMessages, name: string, now: number, ttlMs: number): boolean {
  for (const [old, until] of seen.until) {
    if (until > now && seen.until.size < MAX_SEEN) break;
    seen.until.delete(old);
  }
  if (seen.until.has(name)) return false;
  seen.until.set(name, now + ttlMs);
  return true;
}
