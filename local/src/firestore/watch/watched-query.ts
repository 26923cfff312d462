/** The live result of one query, shared by every target that asks for the same. */
import type { DocumentView } from "../document-view.ts";
import type { CommitRecord, DocumentChange, StoredDocument } from "../document.ts";
import type { Query } from "../query.ts";

export interface ResultChange {
  /** Names whose document is in the result and is new to it or changed. */
  readonly shown: readonly string[];
  /** Names that were in the result and no longer are. */
  readonly left: readonly string[];
}

const NOTHING: ResultChange = { shown: [], left: [] };

export class WatchedQuery {
  readonly query: Query;
  /** Update time of each document in the result, kept only where one document's place depends on others. */
  #held: ReadonlyMap<string, string> | null = null;

  constructor(query: Query, view: DocumentView) {
    this.query = query;
    if (query.isWindowed) this.#held = timesOf(query.run(view));
  }

  /** What the commit did to the result; `view` shows the documents after it. */
  apply(commit: CommitRecord, view: DocumentView): ResultChange {
    const touched = commit.changes.filter(({ name }) => this.query.selects(name));
    if (touched.length === 0) return NOTHING;
    return this.#held === null ? this.#matched(touched) : this.#recomputed(this.#held, view);
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

  /** With a limit, a cursor or an offset one change can move others in or out. */
  #recomputed(held: ReadonlyMap<string, string>, view: DocumentView): ResultChange {
    const now = timesOf(this.query.run(view));
    this.#held = now;
    const shown = [...now].filter(([name, time]) => held.get(name) !== time);
    const left = [...held.keys()].filter((name) => !now.has(name));
    return { shown: shown.map(([name]) => name), left };
  }
}

function timesOf(documents: readonly StoredDocument[]): ReadonlyMap<string, string> {
  return new Map(documents.map(({ name, updateTime }) => [name, updateTime]));
}
