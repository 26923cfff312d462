/** Exclusive locks on document names, first come first served, with deadlocks found when they would arise. */
import { RpcError } from "../rpc-error.ts";

/** Whoever holds locks: a transaction or one commit that waits for some. */
export class LockOwner {
  readonly held = new Set<string>();
  readonly waitingFor = new Set<string>();
  hasEnded = false;
}

interface Waiter {
  readonly owner: LockOwner;
  readonly grant: () => void;
  readonly refuse: (error: Error) => void;
}

interface Lock {
  owner: LockOwner;
  readonly waiters: Waiter[];
}

export class LockTable {
  readonly #locks = new Map<string, Lock>();

  isHeldByOther(name: string, owner: LockOwner | null): boolean {
    const lock = this.#locks.get(name);
    return lock !== undefined && lock.owner !== owner;
  }

  /** Resolves when the lock is held. Throws ABORTED for a deadlock, or when the owner ends while waiting. */
  async acquire(owner: LockOwner, name: string): Promise<void> {
    if (owner.hasEnded) throw new RpcError("ABORTED", "The transaction has ended.");
    const lock = this.#locks.get(name);
    if (lock === undefined) {
      this.#locks.set(name, { owner, waiters: [] });
      owner.held.add(name);
      return;
    }
    if (lock.owner === owner) return;
    if (this.#wouldDeadlock(owner, lock)) {
      throw new RpcError(
        "ABORTED",
        `Too much contention on ${name}: transactions wait for each other.`,
      );
    }
    owner.waitingFor.add(name);
    try {
      await new Promise<void>((grant, refuse) => lock.waiters.push({ owner, grant, refuse }));
    } finally {
      owner.waitingFor.delete(name);
    }
  }

  /** Frees everything the owner holds and refuses what it waits for. */
  release(owner: LockOwner): void {
    owner.hasEnded = true;
    for (const name of owner.waitingFor) this.#dropWaiter(name, owner);
    const held = [...owner.held];
    owner.held.clear();
    for (const name of held) this.#handOn(name);
  }

  #dropWaiter(name: string, owner: LockOwner): void {
    const lock = this.#locks.get(name);
    for (const waiter of lock?.waiters.filter((one) => one.owner === owner) ?? []) {
      lock?.waiters.splice(lock.waiters.indexOf(waiter), 1);
      waiter.refuse(
        new RpcError("ABORTED", "The transaction ended while it waited for a document."),
      );
    }
  }

  #handOn(name: string): void {
    const lock = this.#locks.get(name);
    if (lock === undefined) return;
    const next = lock.waiters.shift();
    if (next === undefined) {
      this.#locks.delete(name);
      return;
    }
    lock.owner = next.owner;
    next.owner.held.add(name);
    next.owner.waitingFor.delete(name);
    next.grant();
    // One owner may wait for the same name twice: parallel reads of one transaction.
    for (const twin of lock.waiters.filter((waiter) => waiter.owner === next.owner)) {
      lock.waiters.splice(lock.waiters.indexOf(twin), 1);
      twin.grant();
    }
  }

  /** Whether someone to wait for at `wanted` waits, directly or through others, for `owner`. */
  #wouldDeadlock(owner: LockOwner, wanted: Lock): boolean {
    const pending = ahead(wanted, owner);
    const seen = new Set<LockOwner>();
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next === owner) return true;
      if (seen.has(next)) continue;
      seen.add(next);
      for (const name of next.waitingFor) {
        const lock = this.#locks.get(name);
        if (lock !== undefined) pending.push(...ahead(lock, next));
      }
    }
    return false;
  }
}

/** The holder and the waiters that come before `owner`. */
function ahead(lock: Lock, owner: LockOwner): LockOwner[] {
  const owners = lock.waiters.map((waiter) => waiter.owner);
  const position = owners.indexOf(owner);
  return [lock.owner, ...(position === -1 ? owners : owners.slice(0, position))];
}
