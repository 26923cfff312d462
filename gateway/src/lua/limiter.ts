/** What `limit(key, rate, burst)` of scripts asks: one per process today, one for a whole cluster some day. */
export interface Limiter {
  /**
   * Takes one token from the bucket of this key. `policy` keeps the keys of one policy apart from those of another.
   * 0 = taken; otherwise the seconds until there will be one.
   */
  spend(policy: string, key: string, rate: number, burst: number): number;
}
