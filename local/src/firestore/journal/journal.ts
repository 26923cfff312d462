/** What the store needs of a journal, and one that keeps nothing. */
import type { CommitRecord } from "../document.ts";

export interface Journal {
  /**
   * Queues one commit; null only waits for all before it. `settled` is called with null once the commit is
   * durable, in the order of the calls. When a write fails, every queued commit is given the error and none of
   * them is in the log: they were decided on top of each other.
   */
  append(commit: CommitRecord | null, settled: (error: Error | null) => void): void;
  /** Waits for what is queued, then closes the files. */
  close(): Promise<void>;
  /** Bytes of the file that is written now. */
  readonly bytes: number;
  readonly syncs: number;
}

/** Commits settle in the next microtask, in order. */
export class MemoryJournal implements Journal {
  readonly bytes = 0;
  readonly syncs = 0;

  append(_commit: CommitRecord | null, settled: (error: Error | null) => void): void {
    queueMicrotask(() => settled(null));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
