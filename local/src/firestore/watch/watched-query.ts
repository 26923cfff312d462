/** The live result of one query, shared by every target that asks for the same. */
import type { DocumentView } from "../store/document-view.ts";
import type { CommitRecord, DocumentChange, StoredDocument } from "../document.ts";
import type { Query } from "../query/query.ts";

export interface ResultChange {
  /** Names whose document is in the result and is new to it or changed. */
  readonly shown: readonly string[];
  /** Names that were in the result and no longer are. */
  readonly left: readonly string[];
}

const NOTHING: ResultChange = { shown: [], left: [] };

export class WatchedQuery {
  readonly query: Query;
  /** The result, in order; null when it has to be asked for again. */
  #result: readonly StoredDocument[] | null = null;

  constructor(query: Query, view: DocumentView) {
    this.query = query;
    if (query.isWindowed) this.#result = query.run(view);
  }

  /** The result now, in order; kept for the next who asks until a commit touches it. */
  result(view: DocumentView): readonly StoredDocument[] {
    this.#result ??= this.query.run(view);
    return this.#result;
  }

  /** What the commit did to the result; `view` shows the documents after it. */
  apply(commit: CommitRecord, view: DocumentView): ResultChange {
    const touched = commit.changes.filter(({ name }) => this.query.selects(name));
    if (touched.length === 0) return NOTHING;
    const before = this.#result;
    this.#result = null;
    // Where the place of a document depends on others, there is always a result to compare with.
    return this.query.isWindowed
      ? difference(before ?? [], this.result(view))
      : this.#matched(touched);
  }

  /** Membership of each document depends on nothing but itself, so nothing needs to be remembered. */
  #matched(changes: readonly DocumentChange[]): ResultChange {
    const shown: string[] = [];
    const left: string[] = [];
    for (const { name, before, after } of changes) {
      if (after !== null && this.query.matches(after)) shown.push(name);
      else if (before !== null && this.query.matches(before)) left.push(name);
    }
    return { shown, left };
  }
}

/** With a limit, a cursor or an offset one change can move others in or out. */
function difference(
  before: readonly StoredDocument[],
  after: readonly StoredDocument[],
): ResultChange {
  const was = new Map(before.map(({ name, updateTime }) => [name, updateTime]));
  const is = new Set(after.map(({ name }) => name));
  const shown = after.filter(({ name, updateTime }) => was.get(name) !== updateTime);
  const left = before.filter(({ name }) => !is.has(name));
  return { shown: shown.map(({ name }) => name), left: left.map(({ name }) => name) };
}
