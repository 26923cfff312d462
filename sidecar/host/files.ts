/** Files and /proc for the core. Whatever cannot be read is -1: processes end while they are looked at. */
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";

const GONE = -1;
const NUMBER_BYTES = 4;

/** Reads from the start as far as `into` goes; the bytes read. */
export function readInto(path: string, into: Uint8Array): number {
  return orGone(() => {
    const file = openSync(path, "r");
    try {
      let length = 0;
      while (length < into.length) {
        const more = readSync(file, into, length, into.length - length, null);
        if (more === 0) break;
        length += more;
      }
      return length;
    } finally {
      closeSync(file);
    }
  });
}

/** The listing under way: a directory of ten thousand entries is read once, not once for each part of it. */
let listed: { readonly path: string; readonly numbers: readonly number[] } = {
  path: "",
  numbers: [],
};

/** The first numeric entries beyond `after`, ascending, as 32-bit integers as far as `into` goes; their count. */
export function listInto(path: string, after: number, into: Buffer): number {
  return orGone(() => {
    if (after <= 0 || listed.path !== path) listed = { path, numbers: numbersIn(path) };
    const next = listed.numbers
      .filter((number) => number > after)
      .slice(0, Math.floor(into.length / NUMBER_BYTES));
    for (const [index, number] of next.entries()) into.writeInt32LE(number, index * NUMBER_BYTES);
    return next.length;
  });
}

function numbersIn(path: string): readonly number[] {
  return readdirSync(path)
    .filter((name) => /^\d{1,9}$/.test(name))
    .map(Number)
    .toSorted((left, right) => left - right);
}

/** Linux since 6.2 tells the number of descriptors as the directory's size, even to another user. */
export function countDescriptors(path: string): number {
  return orGone(() => statSync(path).size || readdirSync(path).length);
}

export function ownerOf(path: string): number {
  return orGone(() => statSync(path).uid);
}

function orGone(read: () => number): number {
  try {
    return read();
  } catch {
    return GONE;
  }
}
