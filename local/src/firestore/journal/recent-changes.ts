/** Which documents the last commits changed, for those who ask what happened since. */
import type { LogRecord } from "./log-record.ts";

export interface RecentCommit {
  readonly sequence: number;
  readonly names: readonly string[];
}

/** Names kept; the oldest commit may bring them over it. */
const MAX_NAMES = 10_000;

export class RecentChanges {
  readonly #commits: RecentCommit[] = [];
  #first = 0;
  #names = 0;

  add({ sequence, documents }: LogRecord): void {
    this.#commits.push({ sequence, names: documents.map(([name]) => name) });
    this.#names += documents.length;
    for (;;) {
      const oldest = this.#commits[this.#first]?.names.length ?? 0;
      if (this.#names - oldest < MAX_NAMES) break;
      this.#names -= oldest;
      this.#first += 1;
    }
    if (this.#first > MAX_NAMES) {
      this.#commits.splice(0, this.#first);
      this.#first = 0;
    }
  }

  /** Oldest first and without gaps. */
  get commits(): readonly RecentCommit[] {
    return this.#commits.slice(this.#first);
  }
}
