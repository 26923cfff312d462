/** Commit times: microseconds, strictly increasing, also across restarts and when the machine's clock steps back. */
import type { Clock } from "@bifrost/shared/domain/time";

export class CommitClock {
  readonly #clock: Clock;
  #last: bigint;

  constructor(clock: Clock, last: bigint) {
    this.#clock = clock;
    this.#last = last;
  }

  /** Time of the next commit. */
  next(): bigint {
    const now = this.#now();
    this.#last = now > this.#last ? now : this.#last + 1n;
    return this.#last;
  }

  /** Time of a read: not before any commit so far, and before every later one. */
  read(): bigint {
    const now = this.#now();
    if (now > this.#last) this.#last = now;
    return this.#last;
  }

  #now(): bigint {
    return BigInt(Math.trunc(this.#clock.now())) * 1000n;
  }
}
