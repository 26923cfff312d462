/** Which documents changed lately, so that a listener that comes back is told only of those. */
import type { CommitRecord } from "../document.ts";

/** Changes kept; a listener that missed more is told everything again. At some 200 bytes each this is 4 MB. */
const CAPACITY = 20_000;

export class ChangeHistory {
  readonly #capacity: number;
  /** Parallel lists: the sequence of the commit that changed the document, ascending, and its name. */
  #sequences: number[] = [];
  #names: string[] = [];
  /** Nothing is known of commits up to and including this one. */
  #floor: number;

  constructor(floor: number, capacity = CAPACITY) {
    this.#floor = floor;
    this.#capacity = capacity;
  }

  record(sequence: number, names: Iterable<string>): void {
    for (const name of names) {
      this.#sequences.push(sequence);
      this.#names.push(name);
    }
    // Cutting only when twice too much is there makes the cost of a cut vanish among the changes.
    if (this.#names.length > 2 * this.#capacity) this.#cut();
  }

  recordCommit({ sequence, changes }: CommitRecord): void {
    this.record(
      sequence,
      changes.map(({ name }) => name),
    );
  }

  /** Names changed by commits after this one; null when some of those commits are no longer known. */
  since(sequence: number): ReadonlySet<string> | null {
    if (sequence < this.#floor) return null;
    return new Set(this.#names.slice(this.#firstAfter(sequence)));
  }

  /** A commit is forgotten whole or not at all. */
  #cut(): void {
    const last = this.#sequences[this.#sequences.length - this.#capacity - 1] ?? this.#floor;
    const start = this.#firstAfter(last);
    this.#floor = last;
    this.#sequences = this.#sequences.slice(start);
    this.#names = this.#names.slice(start);
  }

  /** Index of the first change with a sequence above this one, by halving. */
  #firstAfter(sequence: number): number {
    let low = 0;
    let high = this.#sequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sequences[middle] ?? 0) > sequence) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
