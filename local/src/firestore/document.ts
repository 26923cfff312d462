/** Documents as the store keeps them: proto3-JSON values, times as RFC 3339 UTC with microseconds. */

/** One proto3-JSON `google.firestore.v1.Value`, for example `{ integerValue: "7" }`. */
export type FieldValue = Readonly<Record<string, unknown>>;

export type Fields = Readonly<Record<string, FieldValue>>;

export interface StoredDocument {
  /** Full resource name: `projects/P/databases/D/documents/deployments/x`. */
  readonly name: string;
  readonly fields: Readonly<Record<string, FieldValue>>;
  readonly createTime: string;
  readonly updateTime: string;
}

export interface DocumentChange {
  readonly name: string;
  /** Null when the commit created the document. */
  readonly before: StoredDocument | null;
  /** Null when the commit deleted it. */
  readonly after: StoredDocument | null;
}

/** One durable commit; writes that changed nothing are not in it. */
export interface CommitRecord {
  /** Rises by one per commit and survives restarts; the first is 1. */
  readonly sequence: number;
  readonly commitTime: string;
  readonly changes: DocumentChange[];
}
