/** The documents, and the one way to change them. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { applyWrites, type Staged, type WriteResult } from "./apply-writes.ts";
import type { ChangeHistory } from "./change-history.ts";
import { CommitClock } from "./commit-clock.ts";
import { OverlayView, type DocumentIndex, type DocumentView } from "./document-view.ts";
import type { CommitRecord, StoredDocument } from "../document.ts";
import { LockOwner, LockTable } from "./locks.ts";
import type { OpenedJournal } from "../journal/open-journal.ts";
import { RpcError } from "../rpc-error.ts";
import { formatTimestamp, parseTimestamp } from "../values/timestamps.ts";
import { TransactionTable, type Transaction } from "./transactions.ts";
import { formatResumeToken, parseResumeToken } from "../watch/resume-token.ts";
import type { Write } from "./write.ts";

export interface CommitOutcome {
  readonly writeResults: readonly WriteResult[];
  readonly commitTime: string;
  /** Every written document as this commit left it. */
  readonly after: ReadonlyMap<string, StoredDocument | null>;
}

/** Looks at a commit before it happens and throws to refuse it; called synchronously, possibly more than once. */
export type CommitGuard = (staged: Staged, commitMicros: bigint, before: DocumentView) => void;

/*
 * Isolation between decision and durability. A commit is decided in one synchronous step against `latest`, the
 * durable documents overlaid with the commits still on their way to the disk; its own documents join that overlay
 * before the next commit is decided. So commits are serial in the order of the log, and the sync can be shared.
 * Readers, listeners and callers see only `durable`. Should a write fail, the whole overlay is dropped: everything
 * queued was decided on top of it and fails too. A refusal that was decided on an overlay waits for its fate, and
 * is decided again if the overlay was dropped, so that nobody is refused because of a commit that never was.
 */
export class Store {
  readonly locks = new LockTable();
  readonly transactions: TransactionTable;
  readonly durable: DocumentIndex;
  readonly clock: CommitClock;
  /** Durable documents and, over them, commits that wait for the disk. */
  readonly latest: DocumentView;
  readonly #opened: OpenedJournal;
  readonly #log: Logger;
  readonly #pending = new Map<string, StoredDocument | null>();
  readonly #history: ChangeHistory;
  readonly #listeners = new Set<(commit: CommitRecord) => void>();
  readonly #pendingSequences = new Map<string, number>();
  /** Times of the commits on their way to the disk, oldest first. */
  #pendingTimes: bigint[] = [];
  #durableSequence: number;
  #nextSequence: number;
  #droppedOverlays = 0;

  constructor(opened: OpenedJournal, timers: Timers, log: Logger) {
    this.#opened = opened;
    this.#log = log;
    this.durable = opened.documents;
    this.latest = new OverlayView(this.durable, this.#pending);
    this.#durableSequence = opened.lastSequence;
    this.#nextSequence = opened.lastSequence + 1;
    this.#history = opened.history;
    const last = opened.lastCommitTime;
    this.clock = new CommitClock(timers, last === undefined ? 0n : parseTimestamp(last));
    this.transactions = new TransactionTable(this, timers);
  }

  get lastSequence(): number {
    return this.#durableSequence;
  }

  get syncs(): number {
    return this.#opened.journal.syncs;
  }

  journalFacts(): Readonly<Record<string, unknown>> {
    return this.#opened.facts();
  }

  /**
   * Time of what `durable` shows: not before any commit in it and before each that is still on its way. Clients
   * drop what they are told of a time before one they have seen, so a later commit must never have an earlier time.
   */
  readTime(): string {
    const [oldestPending] = this.#pendingTimes;
    return formatTimestamp(oldestPending === undefined ? this.clock.read() : oldestPending - 1n);
  }

  /** Where a listener stands that has been told everything up to now. */
  resumeToken(): string {
    return formatResumeToken(this.#opened.identity, this.#durableSequence);
  }

  /** Names changed since the moment of the token; null when the token is of another store or too old. */
  changedSince(resumeToken: string): ReadonlySet<string> | null {
    const sequence = parseResumeToken(resumeToken, this.#opened.identity);
    if (sequence === null || sequence > this.#durableSequence) return null;
    return this.#history.since(sequence);
  }

  /** Called in commit order, synchronously, after the commit is durable and before it is acknowledged. */
  onCommit(listener: (commit: CommitRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  replay(after: number, visit: (commit: CommitRecord) => void): void {
    this.#opened.replay(after, visit);
  }

  /** See OpenedJournal. */
  retain(floor: () => number): void {
    this.#opened.retain(floor);
  }

  async close(): Promise<void> {
    this.transactions.endAll();
    await this.#opened.close();
  }

  /** Resolves when durable. Throws what the guard or a precondition throws, ABORTED, or RESOURCE_EXHAUSTED. */
  async commit(
    writes: readonly Write[],
    guard: CommitGuard,
    transaction?: Transaction,
  ): Promise<CommitOutcome> {
    const owner = transaction?.owner ?? null;
    const isFree = !writes.some(({ name }) => this.locks.isHeldByOther(name, owner));
    if (isFree && transaction === undefined) {
      const outcome = await this.#decide(() => this.#submit(writes, guard));
      if (outcome !== null) return outcome;
    }
    return await this.#commitLocked(writes, guard, transaction, isFree);
  }

  async #commitLocked(
    writes: readonly Write[],
    guard: CommitGuard,
    transaction: Transaction | undefined,
    isFree: boolean,
  ): Promise<CommitOutcome> {
    const holder = transaction?.owner ?? new LockOwner();
    if (transaction !== undefined) this.transactions.seal(transaction);
    try {
      // Whoever is refused anyway must not keep others from documents by waiting with locks on them.
      if (!isFree) {
        await this.#decide(async () => void this.#staged(writes, guard, this.clock.read()));
      }
      await this.#lockAll(holder, writes);
      for (;;) {
        transaction?.checkReads();
        const outcome = await this.#decide(() => this.#submit(writes, guard));
        if (outcome !== null) return outcome;
      }
    } finally {
      if (transaction === undefined) this.locks.release(holder);
      else this.transactions.end(transaction);
    }
  }

  /** Waits until nothing that is decided for this document is still on its way to the disk. */
  async settled(name: string): Promise<void> {
    while (this.#pending.has(name)) await this.#barrier().catch(() => undefined);
  }

  async #lockAll(owner: LockOwner, writes: readonly Write[]): Promise<void> {
    for (const name of [...new Set(writes.map((write) => write.name))].toSorted()) {
      await this.locks.acquire(owner, name);
    }
  }

  /** Null when it was refused because of commits that never were: it is to be decided again, from the locks on. */
  async #decide<T>(decision: () => Promise<T>): Promise<T | null> {
    const dropped = this.#droppedOverlays;
    try {
      return await decision();
    } catch (error) {
      const wasSubmitted = error instanceof NotDurable;
      if (wasSubmitted) throw error.answer;
      if (this.#pending.size === 0) throw error;
      await this.#barrier().catch(() => undefined);
      if (dropped === this.#droppedOverlays) throw error;
      return null;
    }
  }

  /** Throws what a precondition or the guard throws. */
  #staged(writes: readonly Write[], guard: CommitGuard, commitMicros: bigint): Staged {
    const staged = applyWrites(writes, (name) => this.latest.get(name), commitMicros);
    guard(staged, commitMicros, this.latest);
    return staged;
  }

  /** Everything up to `append` happens in one turn of the event loop: no other commit can come between. */
  async #submit(writes: readonly Write[], guard: CommitGuard): Promise<CommitOutcome> {
    const commitMicros = this.clock.next();
    const staged = this.#staged(writes, guard, commitMicros);
    const commitTime = formatTimestamp(commitMicros);
    const { changes, results, after } = staged;
    const outcome = { writeResults: results, commitTime, after };
    if (changes.length === 0) {
      if (this.#pending.size > 0) await this.#barrier();
      return outcome;
    }
    const sequence = this.#nextSequence;
    this.#nextSequence += 1;
    for (const change of changes) {
      this.#pending.set(change.name, change.after);
      this.#pendingSequences.set(change.name, sequence);
    }
    this.#pendingTimes.push(commitMicros);
    const commit = { sequence, commitTime, changes };
    await this.#append(commit, () => this.#becomeDurable(commit));
    return outcome;
  }

  #barrier(): Promise<void> {
    return this.#append(null, () => undefined);
  }

  #append(commit: CommitRecord | null, whenDurable: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opened.journal.append(commit, (error) => {
        if (error === null) {
          whenDurable();
          resolve();
        } else {
          this.#dropOverlay(error);
          reject(new NotDurable(error));
        }
      });
    });
  }

  #becomeDurable(commit: CommitRecord): void {
    this.#durableSequence = commit.sequence;
    this.#pendingTimes.shift();
    this.#history.recordCommit(commit);
    for (const { name, after, before } of commit.changes) {
      this.transactions.keepForSnapshots(name, before);
      this.durable.put(name, after);
      if (this.#pendingSequences.get(name) === commit.sequence) {
        this.#pending.delete(name);
        this.#pendingSequences.delete(name);
      }
    }
    for (const listener of this.#listeners) {
      try {
        listener(commit);
      } catch (error) {
        this.#log.error("a commit listener failed", { sequence: commit.sequence, error });
      }
    }
  }

  #dropOverlay(error: Error): void {
    if (this.#pending.size === 0) return;
    this.#log.error("firestore could not write its log; the commits in flight were refused", {
      error,
    });
    this.#pending.clear();
    this.#pendingSequences.clear();
    this.#pendingTimes = [];
    this.#nextSequence = this.#durableSequence + 1;
    this.#droppedOverlays += 1;
  }
}

/** A commit that was decided but did not reach the disk. */
class NotDurable extends Error {
  readonly answer: RpcError;

  constructor(cause: Error) {
    super(cause.message, { cause });
    this.answer = new RpcError(
      "RESOURCE_EXHAUSTED",
      `The commit could not be stored: ${cause.message}`,
    );
  }
}
