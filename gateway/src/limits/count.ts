/**
 * How much one start of one node used of one key: counters that only grow, merged by the later one. A key that was forgotten,
 * because its bucket was full again, begins anew with a later birth.
 */
export interface Count {
  /** Milliseconds from the node's start to when it first counted this key, or first counted it again. */
  readonly birth: number;
  readonly spent: number;
  readonly asked: number;
}

export const NO_COUNT: Count = { birth: -1, spent: 0, asked: 0 };

/** Commutative, associative and idempotent. */
export function laterCount(a: Count, b: Count): Count {
  if (a.birth !== b.birth) return a.birth > b.birth ? a : b;
  return {
    birth: a.birth,
    spent: Math.max(a.spent, b.spent),
    asked: Math.max(a.asked, b.asked),
  };
}

/** What `now` has beyond `former`. */
export function added(
  former: Count,
  now: Count,
): { readonly spent: number; readonly asked: number } {
  if (former.birth !== now.birth) return now;
  return { spent: now.spent - former.spent, asked: now.asked - former.asked };
}
