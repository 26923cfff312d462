/** Where document changes come from: the store's commit log, in order and without gaps. */
import type { StoredDocument } from "../firestore/document.ts";

export interface DocumentChange {
  /** Full resource name. */
  readonly name: string;
  readonly before: StoredDocument | null;
  readonly after: StoredDocument | null;
}

export interface CommitRecord {
  /** Rises by at least one with each commit. */
  readonly sequence: number;
  /** RFC 3339. */
  readonly commitTime: string;
  readonly changes: readonly DocumentChange[];
}

export interface CommitSource {
  /** Calls back after each commit; the returned function ends that. */
  onCommit(listener: (commit: CommitRecord) => void): () => void;
  /** Visits the commits behind sequence `after`, oldest first. */
  replay(after: number, visit: (commit: CommitRecord) => void): Promise<void>;
  lastSequence(): number;
}
