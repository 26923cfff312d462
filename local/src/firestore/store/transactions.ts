/** Open transactions: locks at read, results of queries checked again at commit, snapshots for read-only ones. */
import { randomBytes } from "node:crypto";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import { OverlayView, type DocumentView } from "./document-view.ts";
import type { StoredDocument } from "../document.ts";
import { LockOwner, type LockTable } from "./locks.ts";
import type { Query } from "../query/query.ts";
import { RpcError } from "../rpc-error.ts";

/** After this the locks are freed and the transaction's commit answers ABORTED. */
export const TRANSACTION_MS = 60_000;
const MAX_QUERY_ROUNDS = 20;
/** Each may hold locks and old versions for a minute; a client of a hundred parallel calls has a hundred. */
const MAX_OPEN_PER_CALLER = 500;

export interface Transaction {
  readonly id: string;
  /** Only the caller that began a transaction may use it. */
  readonly caller: string;
  readonly isReadOnly: boolean;
  readonly owner: LockOwner;
  /** The one moment at which it reads, if it reads at one. */
  readonly readTime: string | undefined;
  read(name: string): Promise<StoredDocument | null>;
  query(query: Query): Promise<StoredDocument[]>;
  /** Throws ABORTED when a query of this transaction would now answer something else. */
  checkReads(): void;
}

/** What transactions need of the store. */
export interface LockableDocuments {
  readonly locks: LockTable;
  readonly transactions: TransactionTable;
  readonly durable: DocumentView;
  readonly latest: DocumentView;
  /** Time of what `durable` shows. */
  readTime(): string;
  /** Resolves when nothing that is decided for this document is still on its way to the disk. */
  settled(name: string): Promise<void>;
}

class ReadWriteTransaction implements Transaction {
  readonly id = newId();
  readonly isReadOnly = false;
  readonly owner = new LockOwner();
  readonly readTime = undefined;
  readonly caller: string;
  readonly #store: LockableDocuments;
  readonly #queries: { readonly query: Query; readonly seen: string }[] = [];

  constructor(store: LockableDocuments, caller: string) {
    this.#store = store;
    this.caller = caller;
  }

  async read(name: string): Promise<StoredDocument | null> {
    await this.#lock(name);
    return this.#store.durable.get(name);
  }

  /** A victim of a deadlock ends at once, so that the others need not wait for its rollback. */
  async #lock(name: string): Promise<void> {
    try {
      await this.#store.locks.acquire(this.owner, name);
    } catch (error) {
      this.#store.transactions.end(this);
      throw error;
    }
    await this.#store.settled(name);
  }

  /** Locks what the query finds until it finds only what is locked; newcomers are caught at commit. */
  async query(query: Query): Promise<StoredDocument[]> {
    for (let round = 0; round < MAX_QUERY_ROUNDS; round += 1) {
      const before = signature(query, this.#store.latest);
      for (const { name } of query.run(this.#store.latest)) {
        await this.#lock(name);
      }
      if (
        signature(query, this.#store.latest) === before &&
        signature(query, this.#store.durable) === before
      ) {
        this.#queries.push({ query, seen: before });
        return query.run(this.#store.durable);
      }
    }
    throw new RpcError("ABORTED", "The result of the query kept changing; try again.");
  }

  checkReads(): void {
    for (const { query, seen } of this.#queries) {
      if (signature(query, this.#store.latest) !== seen) {
        throw new RpcError(
          "ABORTED",
          "A query of this transaction has another result by now; try again.",
        );
      }
    }
  }
}

function signature(query: Query, view: DocumentView): string {
  return query
    .run(view)
    .map(({ name, updateTime }) => `${name}@${updateTime}`)
    .join("\n");
}

/** Sees the documents as they were when it began: each change since then leaves its old version here. */
class ReadOnlyTransaction implements Transaction {
  readonly id = newId();
  readonly isReadOnly = true;
  readonly owner = new LockOwner();
  readonly caller: string;
  readonly readTime: string;
  readonly #kept = new Map<string, StoredDocument | null>();
  readonly #view: DocumentView;

  constructor(store: LockableDocuments, caller: string) {
    this.caller = caller;
    this.readTime = store.readTime();
    this.#view = new OverlayView(store.durable, this.#kept);
  }

  keep(name: string, document: StoredDocument | null): void {
    if (!this.#kept.has(name)) this.#kept.set(name, document);
  }

  read(name: string): Promise<StoredDocument | null> {
    return Promise.resolve(this.#view.get(name));
  }

  query(query: Query): Promise<StoredDocument[]> {
    return Promise.resolve(query.run(this.#view));
  }

  checkReads(): void {}
}

export class TransactionTable {
  readonly #store: LockableDocuments;
  readonly #timers: Timers;
  readonly #open = new Map<string, { readonly transaction: Transaction; readonly expiry: Timer }>();
  readonly #openOf = new Map<string, number>();
  readonly #snapshots = new Set<ReadOnlyTransaction>();

  constructor(store: LockableDocuments, timers: Timers) {
    this.#store = store;
    this.#timers = timers;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Throws RESOURCE_EXHAUSTED for a caller that leaves too many open. */
  begin(caller: string, isReadOnly: boolean): Transaction {
    this.#countOpen(caller, 1);
    const transaction = isReadOnly
      ? new ReadOnlyTransaction(this.#store, caller)
      : new ReadWriteTransaction(this.#store, caller);
    if (transaction instanceof ReadOnlyTransaction) this.#snapshots.add(transaction);
    const expiry = this.#timers.after(TRANSACTION_MS, () => this.end(transaction));
    this.#open.set(transaction.id, { transaction, expiry });
    return transaction;
  }

  /** Throws ABORTED for an unknown, ended or expired transaction, and for someone else's. */
  find(id: string, caller: string): Transaction {
    const found = this.#open.get(id)?.transaction;
    if (found === undefined || found.caller !== caller) {
      throw new RpcError(
        "ABORTED",
        "The referenced transaction has expired or is no longer valid.",
      );
    }
    return found;
  }

  /** No further call may use it and it no longer expires; its locks stay until `end`. */
  seal(transaction: Transaction): void {
    this.#open.get(transaction.id)?.expiry.cancel();
    if (this.#open.delete(transaction.id)) this.#countOpen(transaction.caller, -1);
  }

  end(transaction: Transaction): void {
    this.seal(transaction);
    if (transaction instanceof ReadOnlyTransaction) this.#snapshots.delete(transaction);
    this.#store.locks.release(transaction.owner);
  }

  #countOpen(caller: string, change: 1 | -1): void {
    const count = (this.#openOf.get(caller) ?? 0) + change;
    if (count > MAX_OPEN_PER_CALLER) {
      throw new RpcError(
        "RESOURCE_EXHAUSTED",
        `A caller may have ${MAX_OPEN_PER_CALLER} open transactions; commit some or roll them back.`,
      );
    }
    if (count === 0) this.#openOf.delete(caller);
    else this.#openOf.set(caller, count);
  }

  endAll(): void {
    for (const { transaction } of this.#open.values()) this.end(transaction);
  }

  keepForSnapshots(name: string, before: StoredDocument | null): void {
    for (const snapshot of this.#snapshots) snapshot.keep(name, before);
  }
}

function newId(): string {
  return randomBytes(12).toString("base64");
}
