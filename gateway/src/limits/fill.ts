/**
 * How a bucket changes while nothing is heard of others.
 *
 * As long as there are tokens, everyone spends as it is asked. Near empty each has its share of what time gives: of the
 * rate, and a little more or less while the bucket is above or below where it is to stay. So each node of many does its part
 * of a correction rather than all of it, and late reports do not swing them together between all and nothing. What is
 * extrapolated is the demand of others, not what they were given: it does not depend on what this node decides.
 */
import { EXPECTED, FILLED_AT, OTHERS, OWN, SHARE, TOKENS } from "./bucket-table.ts";

/** A correction is made in this time: some reports late, it does not overreach. */
const CORRECTED_S = 0.3;
/** What others ask for in this time may be spent without being known yet: that much must be there to spend freely. */
const UNSEEN_S = 0.1;
/** What is not used of a share is kept for so long. */
const KEPT_S = 0.05;
/** Time is reckoned in steps of this at most, and in so many. */
const STEP_S = 0.05;
const MAX_STEPS = 20;

/** Adds what time gave since the bucket was last looked at, and takes away what others are expected to have spent. */
export function fill(
  numbers: Float64Array,
  at: number,
  now: number,
  rate: number,
  burst: number,
): void {
  // A clock that was set back adds nothing.
  const seconds = Math.max(0, now - (numbers[at + FILLED_AT] ?? now)) / 1000;
  numbers[at + FILLED_AT] = now;
  if (numbers[at + OTHERS] === 0) {
    numbers[at + TOKENS] = Math.min(burst, (numbers[at + TOKENS] ?? 0) + seconds * rate);
    return;
  }
  const steps = Math.min(MAX_STEPS, Math.ceil(seconds / STEP_S));
  for (let i = 0; i < steps; i++) step(numbers, at, seconds / steps, rate, burst);
}

/** Takes a token if there is one. 0 = taken; otherwise the seconds until there will be one. */
export function take(numbers: Float64Array, at: number, rate: number, burst: number): number {
  const tokens = numbers[at + TOKENS] ?? 0;
  const others = numbers[at + OTHERS] ?? 0;
  if (tokens >= 1 && (others === 0 || tokens >= reserve(others, burst))) {
    numbers[at + TOKENS] = tokens - 1;
    return 0;
  }
  if (others === 0) return rate > 0 ? (1 - tokens) / rate : Infinity;
  const own = numbers[at + OWN] ?? 0;
  if (own < 1) return (1 - own) / ownRate(tokens, others, numbers[at + SHARE] ?? 0, rate, burst);
  numbers[at + OWN] = own - 1;
  numbers[at + TOKENS] = tokens - 1;
  return 0;
}

/** What others spend a second while the bucket is as it is. */
export function theirRate(
  tokens: number,
  others: number,
  share: number,
  rate: number,
  burst: number,
): number {
  if (tokens >= reserve(others, burst)) return others;
  return Math.min(others, (1 - share) * given(tokens, others, rate, burst));
}

function step(numbers: Float64Array, at: number, seconds: number, rate: number, burst: number) {
  const tokens = numbers[at + TOKENS] ?? 0;
  const others = numbers[at + OTHERS] ?? 0;
  const share = numbers[at + SHARE] ?? 0;
  const theirs = theirRate(tokens, others, share, rate, burst) * seconds;
  const own = ownRate(tokens, others, share, rate, burst);
  numbers[at + OWN] = Math.min(Math.max(1, own * KEPT_S), (numbers[at + OWN] ?? 0) + own * seconds);
  numbers[at + TOKENS] = Math.min(burst, tokens + rate * seconds - theirs);
  numbers[at + EXPECTED] = (numbers[at + EXPECTED] ?? 0) + theirs;
}

/** What this process may spend a second near empty: its share, and what others leave of theirs. */
function ownRate(
  tokens: number,
  others: number,
  share: number,
  rate: number,
  burst: number,
): number {
  const all = given(tokens, others, rate, burst);
  return Math.max(all * share, all - others);
}

/** What all together are to spend a second near empty. */
function given(tokens: number, others: number, rate: number, burst: number): number {
  return Math.max(0, rate + (tokens - reserve(others, burst) / 2) / CORRECTED_S);
}

/** Below this it is near empty. */
function reserve(others: number, burst: number): number {
  return Math.min(burst / 2, others * UNSEEN_S);
}
