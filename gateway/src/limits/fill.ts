/**
 * How a bucket changes while nothing is heard. Others spend as they ask as long as there are tokens; of a bucket that is
 * empty each gets its share; and nobody spends while it is owed, because the others see the same.
 *
 * The demand of others is what is extrapolated, not what they were given: demand does not depend on what this node decides,
 * and so many nodes that correct themselves on late reports do not swing together between all and nothing.
 */
import { EXPECTED, FILLED_AT, OTHERS, SHARE, TOKENS } from "./bucket-table.ts";

/** Adds what time gave since the bucket was last looked at, and takes away what others are expected to have spent. */
export function fill(
  numbers: Float64Array,
  at: number,
  now: number,
  rate: number,
  burst: number,
): number {
  // A clock that was set back adds nothing.
  const seconds = Math.max(0, now - (numbers[at + FILLED_AT] ?? now)) / 1000;
  numbers[at + FILLED_AT] = now;
  const before = numbers[at + TOKENS] ?? 0;
  const others = numbers[at + OTHERS] ?? 0;
  if (others === 0) {
    const tokens = Math.min(burst, before + seconds * rate);
    numbers[at + TOKENS] = tokens;
    return tokens;
  }
  const given = shareOfEmpty(rate, others, numbers[at + SHARE] ?? 0);
  const { tokens, expected } = flow(before, seconds, { rate, burst, others, given });
  numbers[at + TOKENS] = tokens;
  numbers[at + EXPECTED] = (numbers[at + EXPECTED] ?? 0) + expected;
  return tokens;
}

/** What this node may count on a second while the bucket is empty. */
export function shareOfEmpty(rate: number, others: number, share: number): number {
  return Math.max(rate - others, rate * share);
}

interface Flow {
  readonly rate: number;
  readonly burst: number;
  readonly others: number;
  readonly given: number;
}

/** Through the three zones: owed, empty (below one token), and where there are some. */
export function flow(
  before: number,
  seconds: number,
  { rate, burst, others, given }: Flow,
): { readonly tokens: number; readonly expected: number } {
  let [tokens, left, expected] = [before, seconds, 0];
  if (tokens < 0) {
    const took = Math.min(left, -tokens / rate);
    tokens = took === left ? tokens + took * rate : 0;
    left -= took;
  }
  const net = rate - others;
  if (tokens > 1 && net < 0) {
    const took = Math.min(left, (tokens - 1) / -net);
    tokens += took * net;
    expected += took * others;
    left -= took;
  }
  if (tokens < 1 && left > 0) {
    const took = Math.min(left, (1 - tokens) / given);
    tokens = took === left ? tokens + took * given : 1;
    expected += took * (rate - given);
    left -= took;
  }
  if (left > 0) {
    // More than one token is there only as long as the others leave some.
    tokens = net > 0 ? Math.min(burst, tokens + left * net) : Math.max(tokens, Math.min(1, burst));
    expected += left * Math.min(others, rate);
  }
  return { tokens, expected };
}
