/** Token buckets as a gateway had them before it shared limits with others: what a call of `spend` is compared with. */
import type { Clock } from "@bifrost/shared/domain/time";

const STRIDE = 5;
const TOKENS = 0;
const FILLED_AT = 1;
const UNSAID = 2;
const RATE = 3;
const BURST = 4;
const CAPACITY = 1024;
const MAX_KEY = 128;

export class FormerBuckets {
  private readonly clock: Clock;
  private readonly scopes = new Map<
    string,
    { slots: Map<string, number>; numbers: Float64Array }
  >();
  private readonly unsaid = new Set<string>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  spend(scope: string, key: string, rate: number, burst: number): number {
    const buckets = this.scopes.get(scope) ?? this.open(scope);
    const now = this.clock.now();
    const known = key.length > MAX_KEY ? key.slice(0, MAX_KEY) : key;
    const at = buckets.slots.get(known) ?? add(buckets, known, now, burst);
    const { numbers } = buckets;
    const seconds = Math.max(0, now - (numbers[at + FILLED_AT] ?? now)) / 1000;
    numbers[at + TOKENS] = Math.min(burst, (numbers[at + TOKENS] ?? 0) + seconds * rate);
    numbers[at + FILLED_AT] = now;
    numbers[at + RATE] = rate;
    numbers[at + BURST] = burst;
    const tokens = numbers[at + TOKENS] ?? 0;
    if (tokens < 1) return rate > 0 ? (1 - tokens) / rate : Infinity;
    numbers[at + TOKENS] = tokens - 1;
    const unsaid = numbers[at + UNSAID] ?? 0;
    if (unsaid === 0) this.unsaid.add(known);
    numbers[at + UNSAID] = unsaid + 1;
    return 0;
  }

  private open(scope: string) {
    const buckets = {
      slots: new Map<string, number>(),
      numbers: new Float64Array(CAPACITY * STRIDE),
    };
    this.scopes.set(scope, buckets);
    return buckets;
  }
}

function add(
  { slots, numbers }: { slots: Map<string, number>; numbers: Float64Array },
  key: string,
  now: number,
  burst: number,
): number {
  const at = slots.size * STRIDE;
  slots.set(key, at);
  numbers.set([burst, now], at);
  return at;
}
