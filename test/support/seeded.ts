/** Random numbers that a printed seed brings back. */

/** Mulberry32: from 0 to below 1. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The one in BIFROST_SEED, else a new one. */
export function chooseSeed(): number {
  return Number(process.env["BIFROST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
}
