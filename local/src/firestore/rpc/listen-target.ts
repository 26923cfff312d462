/** What one target of a Listen call shows, and how a commit changes it. */
import type { DocumentView } from "../document-view.ts";
import type { CommitRecord, StoredDocument } from "../document.ts";
import { Query } from "../query.ts";
import { invalid } from "../rpc-error.ts";
import { booleanAt, listAt, objectAt, stringAt, type Json } from "../wire-json.ts";
import type { RpcContext } from "./method.ts";
import { refusePastReads } from "./read-transaction.ts";

export interface TargetChange {
  /** Names whose document is in the target and is new to it or changed. */
  readonly shown: readonly string[];
  /** Names that were in the target and no longer are. */
  readonly left: readonly string[];
}

const MAX_NAMES = 1000;

export class ListenTarget {
  readonly id: number;
  readonly query: Query | undefined;
  readonly names: ReadonlySet<string>;
  readonly isOnce: boolean;
  readonly isResumed: boolean;
  /** Update time of each document the other side holds. */
  #held = new Map<string, string>();

  /** From an `addTarget`; throws INVALID_ARGUMENT or UNIMPLEMENTED. */
  constructor(context: RpcContext, raw: Json) {
    this.id = targetIdAt(raw["targetId"]);
    this.isOnce = booleanAt(raw["once"], "once");
    this.isResumed = raw["resumeToken"] !== undefined || raw["readTime"] !== undefined;
    if (raw["query"] !== undefined) {
      const target = objectAt(raw["query"], "addTarget.query");
      const parent = context.database.checkParent(
        stringAt(target["parent"], "addTarget.query.parent"),
      );
      this.query = new Query(parent, objectAt(target["structuredQuery"], "structuredQuery"));
      this.names = new Set();
      return;
    }
    const documents = objectAt(raw["documents"], "addTarget.documents");
    refusePastReads(documents);
    const names = listAt(documents["documents"], "addTarget.documents");
    if (names.length > MAX_NAMES)
      throw invalid(`A target may name at most ${MAX_NAMES} documents.`);
    this.query = undefined;
    this.names = new Set(
      names.map((name) => context.database.checkDocument(stringAt(name, "addTarget.documents"))),
    );
  }

  /** The documents of the target now; from here on they are held. */
  start(view: DocumentView): StoredDocument[] {
    const documents =
      this.query?.run(view) ??
      [...this.names].map((name) => view.get(name)).filter((document) => document !== null);
    this.#held = new Map(documents.map(({ name, updateTime }) => [name, updateTime]));
    return documents;
  }

  /** Whether the commit wrote one of the named documents. */
  isNamedIn(commit: CommitRecord): boolean {
    return this.query === undefined && commit.changes.some(({ name }) => this.names.has(name));
  }

  apply(commit: CommitRecord, view: DocumentView): TargetChange {
    return this.query?.isWindowed === true
      ? this.#recompute(this.query, commit, view)
      : this.#match(commit);
  }

  /** Membership of each document depends on nothing but itself. */
  #match(commit: CommitRecord): TargetChange {
    const shown: string[] = [];
    const left: string[] = [];
    for (const { name, after } of commit.changes) {
      if (after !== null && (this.query?.matches(after) ?? this.names.has(name))) {
        this.#held.set(name, after.updateTime);
        shown.push(name);
      } else if (this.#held.delete(name)) left.push(name);
    }
    return { shown, left };
  }

  /** With a limit, a cursor or an offset one change can move others in or out. */
  #recompute(query: Query, commit: CommitRecord, view: DocumentView): TargetChange {
    if (!commit.changes.some(({ name }) => query.selects(name))) return { shown: [], left: [] };
    const held = this.#held;
    this.#held = new Map(query.run(view).map(({ name, updateTime }) => [name, updateTime]));
    const shown = [...this.#held].filter(([name, time]) => held.get(name) !== time);
    const left = [...held.keys()].filter((name) => !this.#held.has(name));
    return { shown: shown.map(([name]) => name), left };
  }
}

function targetIdAt(raw: unknown): number {
  if (Number.isInteger(raw) && raw !== 0) return Number(raw);
  throw invalid("'addTarget.targetId' must be an integer other than 0.");
}
