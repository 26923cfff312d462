/**
 * What `limit(key, rate, burst, mode)` of scripts asks. `strict`: tokens are lent by the one node that owns the key, so
 * that all nodes together never give out more. `balanced`: every node counts, hears of the others' counts and reckons with
 * what they will have spent since. `split`: each node has its own share and asks nobody.
 */
export const LIMIT_MODES = ["balanced", "strict", "split"] as const;
export type LimitMode = (typeof LIMIT_MODES)[number];

/** Answer of `spend`: whether there is a token is not known here yet; ask again once `whenKnown` resolves. */
export const UNKNOWN = -1;

export interface Limiter {
  /**
   * Takes one token from the bucket of this key. `scope` keeps the keys of one policy and team apart from those of another.
   * 0 = taken; UNKNOWN (strict only); otherwise the seconds until there will be one.
   */
  spend(scope: string, key: string, rate: number, burst: number, mode: LimitMode): number;
  /** Resolves when `spend` of this key has another answer than UNKNOWN; at once when it has it now. Always within 1 s. */
  whenKnown(scope: string, key: string): Promise<void>;
}
