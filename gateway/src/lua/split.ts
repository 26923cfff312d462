/** Weighted choices that always fall the same way for the same key, in every process and version. */

interface Split {
  readonly salt: number;
  /** Upper ends of the alternatives, in the order of their names, as shares of 1. */
  readonly ends: readonly number[];
}

export interface Weight {
  readonly name: string;
  readonly weight: number;
}

/** The names salt the hash, so that two splits of one key fall independently; weights do not, so that a change of them moves few. */
export function makeSplit(script: string, weights: readonly Weight[]): Split {
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  let end = 0;
  const ends = weights.map(({ weight }) => {
    end += weight;
    return end / total;
  });
  const salt = hashText(`${script}\n${weights.map(({ name }) => name).join("\n")}\n`, BASIS);
  return { salt, ends };
}

/** The position of the alternative for a key, from 0. */
export function pick({ salt, ends }: Split, key: string): number {
  const point = mixed(hashText(key, salt)) / 2 ** 32;
  for (let i = 0; i < ends.length; i++) if (point < (ends[i] ?? 1)) return i;
  return ends.length - 1;
}

const BASIS = 0x811c9dc5;

/** FNV-1a, 32 bits, continued from `value`. */
function hashText(text: string, value: number): number {
  let hash = value;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** Spreads what differs only in the last characters over all bits; the finalizer of MurmurHash3. */
function mixed(hash: number): number {
  let value = hash;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

export type { Split };
