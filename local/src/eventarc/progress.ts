/** Which commits still have unacknowledged events, and how far the cursor may move. */

export class Progress {
  /** Open events by sequence; insertion order is sequence order. */
  readonly #open = new Map<number, number>();
  #seen: number;

  constructor(after: number) {
    this.#seen = after;
  }

  /** The last sequence that was looked at. */
  get seen(): number {
    return this.#seen;
  }

  begin(sequence: number, events: number): void {
    this.#seen = sequence;
    if (events > 0) this.#open.set(sequence, events);
  }

  finish(sequence: number): void {
    const left = (this.#open.get(sequence) ?? 0) - 1;
    if (left > 0) this.#open.set(sequence, left);
    else this.#open.delete(sequence);
  }

  /** Every commit up to here needs no delivery any more. */
  get settled(): number {
    const oldest = this.#open.keys().next();
    return oldest.done === true ? this.#seen : oldest.value - 1;
  }
}
