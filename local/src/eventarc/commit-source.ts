/** Where document changes come from: the store's commit log, in order and without gaps. */
import type { CommitRecord } from "../firestore/document.ts";

export interface CommitSource {
  /** Calls back after each commit; the returned function ends that. */
  onCommit(listener: (commit: CommitRecord) => void): () => void;
  /** Visits the commits behind sequence `after`, oldest first. Rejects with ReplayGap when some are gone. */
  replay(after: number, visit: (commit: CommitRecord) => void): Promise<void>;
  /** From now on the commits behind what `floor` answers are kept. */
  retain(floor: () => number): void;
  lastSequence(): number;
}
