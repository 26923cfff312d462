/** Asks the rules, and counts who wrote past them. */
import type { Staged, WriteStep } from "./store/apply-writes.ts";
import type { Caller } from "./edge/caller.ts";
import type { DocumentView } from "./store/document-view.ts";
import type { StoredDocument } from "./document.ts";
import { PreconditionError } from "./store/preconditions.ts";
import type { Query } from "./query/query.ts";
import { topLevelCollection } from "./resource-name.ts";
import { RpcError } from "./rpc-error.ts";
import type { Rules, RulesRequest, RulesVerdict } from "./rules/rules.ts";
import type { CommitGuard, CommitOutcome, Store } from "./store/store.ts";
import type { Transaction } from "./store/transactions.ts";
import type { Write } from "./store/write.ts";

const NOTHING: ReadonlySet<string> = new Set();

type ReadRequest = Pick<RulesRequest, "method" | "name" | "before" | "query" | "accessed">;

export class Access {
  readonly #store: Store;
  readonly #rules: Rules;
  readonly #ownerWrites = new Map<string, number>();
  #ruleCheckedWrites = 0;
  #deniedWrites = 0;
  #deniedReads = 0;

  constructor(store: Store, rules: Rules) {
    this.#store = store;
    this.#rules = rules;
  }

  /** Counts since the start of the process. */
  info(): Readonly<Record<string, unknown>> {
    return {
      ownerWrites: Object.fromEntries(this.#ownerWrites),
      ruleCheckedWrites: this.#ruleCheckedWrites,
      deniedWrites: this.#deniedWrites,
      deniedReads: this.#deniedReads,
    };
  }

  /** Throws PERMISSION_DENIED, or what Store.commit throws. */
  async commit(
    caller: Caller,
    writes: readonly Write[],
    transaction?: Transaction,
  ): Promise<CommitOutcome> {
    const guard: CommitGuard = caller.isOwner ? () => undefined : this.#guard(caller);
    const outcome = await this.#store.commit(writes, guard, transaction).catch((error: unknown) => {
      if (error instanceof PreconditionError) this.#checkMayKnow(caller, error.document);
      throw error;
    });
    if (caller.isOwner) this.#countOwner(writes);
    else this.#ruleCheckedWrites += writes.length;
    return outcome;
  }

  /** A failed precondition tells what is stored, so it is told to those who may read the document, and to no others. */
  #checkMayKnow(caller: Caller, name: string): void {
    this.checkGet(caller, name, this.#store.latest.get(name));
  }

  /**
   * Answers the names of the other documents that the decision rests on. Throws PERMISSION_DENIED unless the caller
   * may get this document (or know that it is missing). `accessed` is shared by the documents of one request, for
   * which the rules may read 20 others in all.
   */
  checkGet(
    caller: Caller,
    name: string,
    document: StoredDocument | null,
    accessed = new Set<string>(),
  ): ReadonlySet<string> {
    if (caller.isOwner) return NOTHING;
    return this.#checkRead(caller, { method: "get", name, before: document, accessed });
  }

  /** Answers the names of the documents that the decision rests on. Throws PERMISSION_DENIED. */
  checkList(caller: Caller, query: Query): ReadonlySet<string> {
    if (caller.isOwner) return NOTHING;
    return this.#checkRead(caller, { method: "list", name: query.parent, before: null, query });
  }

  /** Whether `checkGet` would pass; nobody asked for the document, so a refusal is not counted as one. */
  mayGet(caller: Caller, name: string, document: StoredDocument | null): boolean {
    if (caller.isOwner) return true;
    return this.#askToRead(caller, { method: "get", name, before: document }).allowed;
  }

  #checkRead(caller: Caller, request: ReadRequest): ReadonlySet<string> {
    const { allowed, reason, reads } = this.#askToRead(caller, request);
    if (allowed) return reads;
    this.#deniedReads += 1;
    // Of a document that may not be got, even the reason would tell whether it is there.
    throw denied(request.method, request.name, request.method === "list" ? reason : null);
  }

  #askToRead(
    caller: Caller,
    request: ReadRequest,
  ): RulesVerdict & { readonly reads: ReadonlySet<string> } {
    const reads = new Set<string>();
    const read = (name: string): StoredDocument | null => {
      reads.add(name);
      return this.#store.durable.get(name);
    };
    const now = this.#store.clock.read();
    const verdict = this.#rules.check({
      ...request,
      auth: caller.auth,
      timeMicros: now - (now % 1000n),
      after: null,
      read,
      readAfter: read,
    });
    return { ...verdict, reads };
  }

  #guard(caller: Caller): CommitGuard {
    return (staged, commitMicros, before) => {
      const accessed = new Set<string>();
      for (const step of staged.steps) {
        const request = ruleRequest(caller, step, staged, commitMicros, before, accessed);
        const { allowed, reason } = this.#rules.check(request);
        if (allowed) continue;
        this.#deniedWrites += 1;
        throw this.#deniedWrite(caller, request, before, reason);
      }
    };
  }

  /** "create", "update" and most reasons tell whether the document is there, so only those who may get it are told. */
  #deniedWrite(
    caller: Caller,
    { method, name }: RulesRequest,
    stored: DocumentView,
    reason: string,
  ): RpcError {
    const mayKnow = this.mayGet(caller, name, stored.get(name));
    return mayKnow ? denied(method, name, reason) : denied("write", name, null);
  }

  #countOwner(writes: readonly Write[]): void {
    for (const { kind, name } of writes) {
      if (kind === "verify") continue;
      const collection = topLevelCollection(name);
      this.#ownerWrites.set(collection, (this.#ownerWrites.get(collection) ?? 0) + 1);
    }
  }
}

/** The reason is for developers on their own machine; production says only that permission is missing. */
function denied(method: string, name: string, reason: string | null): RpcError {
  const because = reason === null ? "" : `: ${reason}`;
  return new RpcError(
    "PERMISSION_DENIED",
    `Missing or insufficient permissions: ${method} ${name}${because}`,
  );
}

function ruleRequest(
  caller: Caller,
  { write, before, after }: WriteStep,
  staged: Staged,
  commitMicros: bigint,
  view: DocumentView,
  accessed: Set<string>,
): RulesRequest {
  return {
    method: methodOf(write, before),
    name: write.name,
    auth: caller.auth,
    timeMicros: commitMicros - (commitMicros % 1000n),
    before,
    after: write.kind === "set" ? after : null,
    read: (name) => view.get(name),
    readAfter: (name) => {
      const changed = staged.after.get(name);
      return changed === undefined ? view.get(name) : changed;
    },
    accessed,
  };
}

function methodOf(write: Write, before: StoredDocument | null): RulesRequest["method"] {
  if (write.kind === "delete") return "delete";
  if (write.kind === "verify") return "get";
  return before === null ? "create" : "update";
}
