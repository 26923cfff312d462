/** Randomness as data: the same word gives the same numbers, so a run can be repeated from its seed alone. */
export interface RandomState {
  word: number;
}

/** From 0 to below 1 (mulberry32). */
export function nextRandom(state: RandomState): number {
  state.word = (state.word + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state.word ^ (state.word >>> 15), 1 | state.word);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
}

/** From 0 to below `below`. */
export function randomInt(state: RandomState, below: number): number {
  return Math.floor(nextRandom(state) * below);
}

/** At most `count` of them, in random order; changes the array. */
export function sample<T>(state: RandomState, items: T[], count: number): T[] {
  const wanted = Math.min(count, items.length);
  for (let i = 0; i < wanted; i++) {
    const other = i + randomInt(state, items.length - i);
    [items[i], items[other]] = [items[other] as T, items[i] as T];
  }
  return items.slice(0, wanted);
}
