/**
 * What lies in the data directory. `snapshot-<S>` holds all documents as commit S left them, `commits-<S>.log` the
 * commits behind S; both begin generation S. Generation 0 begins with nothing and has no snapshot. The documents are
 * the newest snapshot and every segment from there on; what is older serves those who still have to read it.
 */
import { join } from "node:path";

const DIGITS = 16;
const SNAPSHOT = /^snapshot-(\d{16})$/;
const SEGMENT = /^commits-(\d{16})\.log$/;

/** Sequences, rising. */
export interface Generations {
  readonly snapshots: readonly number[];
  readonly segments: readonly number[];
}

export function generationsIn(names: readonly string[]): Generations {
  const numbers = (pattern: RegExp): number[] =>
    names
      .flatMap((name) => pattern.exec(name)?.[1] ?? [])
      .map(Number)
      .toSorted((a, b) => a - b);
  return { snapshots: numbers(SNAPSHOT), segments: numbers(SEGMENT) };
}

export function snapshotPath(directory: string, sequence: number): string {
  return join(directory, `snapshot-${String(sequence).padStart(DIGITS, "0")}`);
}

export function segmentPath(directory: string, sequence: number): string {
  return join(directory, `commits-${String(sequence).padStart(DIGITS, "0")}.log`);
}

/** Where the documents can be read from, newest first. */
export function basesOf({ snapshots, segments }: Generations): number[] {
  return [...snapshots.toReversed(), ...(segments[0] === 0 ? [0] : [])];
}

/** The newest base from which every commit above `sequence` can be read. */
export function baseFor(generations: Generations, sequence: number): number | undefined {
  return basesOf(generations).find((base) => base <= sequence);
}

/** What is left, and what nobody needs who has read everything up to `floor`: in the order to delete it in. */
export function withoutObsolete(
  directory: string,
  { snapshots, segments }: Generations,
  floor: number,
): { readonly kept: Generations; readonly obsolete: readonly string[] } {
  const base = baseFor({ snapshots, segments }, floor) ?? 0;
  const isOld = (sequence: number): boolean => sequence < base;
  const isKept = (sequence: number): boolean => sequence >= base;
  return {
    kept: { snapshots: snapshots.filter(isKept), segments: segments.filter(isKept) },
    // A snapshot without its segment would look like a loss, a segment without its snapshot is passed over.
    obsolete: [
      ...snapshots.filter(isOld).map((sequence) => snapshotPath(directory, sequence)),
      ...segments.filter(isOld).map((sequence) => segmentPath(directory, sequence)),
    ],
  };
}
