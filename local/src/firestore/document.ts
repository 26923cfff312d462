/** Documents as the store keeps them: proto3-JSON values, times as RFC 3339 UTC with microseconds. */

/** One proto3-JSON `google.firestore.v1.Value`, for example `{ integerValue: "7" }`. */
export type FieldValue = Readonly<Record<string, unknown>>;

export interface StoredDocument {
  /** Full resource name: `projects/P/databases/D/documents/deployments/x`. */
  readonly name: string;
  readonly fields: Readonly<Record<string, FieldValue>>;
  readonly createTime: string;
  readonly updateTime: string;
}
