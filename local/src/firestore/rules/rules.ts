/** What the store asks the security rules, and what it gets back. */
import type { StoredDocument } from "../document.ts";
import type { Query } from "../query/query.ts";

export interface RulesRequest {
  readonly method: "get" | "list" | "create" | "update" | "delete";
  /** Full resource name of the document; for `list` the parent of the query. */
  readonly name: string;
  /** Null for an anonymous caller. */
  readonly auth: { readonly uid: string; readonly token: Readonly<Record<string, unknown>> } | null;
  /** `request.time`, in microseconds since the epoch, cut to the millisecond of the commit. */
  readonly timeMicros: bigint;
  /** The document before the write, or the one read; null when there is none. */
  readonly before: StoredDocument | null;
  /** The document as the write would leave it; null for reads and deletes. */
  readonly after: StoredDocument | null;
  /** Of a `list`: the very query that will run, so that what is proven is what is found. */
  readonly query?: Query;
  /** The store before this commit, for get() and exists(). */
  readonly read: (name: string) => StoredDocument | null;
  /** The store as the whole commit would leave it, for getAfter() and existsAfter(). */
  readonly readAfter: (name: string) => StoredDocument | null;
  /** Documents already accessed by the rules of this commit: production counts them per request. */
  readonly accessed?: Set<string>;
}

export interface RulesVerdict {
  readonly allowed: boolean;
  /** Which allow statement decided, or why each one refused, with its line. */
  readonly reason: string;
}

export interface Rules {
  check(request: RulesRequest): RulesVerdict;
}
