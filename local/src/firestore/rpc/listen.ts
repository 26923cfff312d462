/** `Listen`: targets come and go on one call, and every commit is told once with all the targets it concerns. */
import type { Timer } from "@bifrost/shared/domain/time";
import type { Caller } from "../caller.ts";
import type { CommitRecord, StoredDocument } from "../document.ts";
import { asRpcError, invalid } from "../rpc-error.ts";
import { objectAt, optionalString, type Json } from "../wire-json.ts";
import { ListenTarget } from "./listen-target.ts";
import type { OpenCall, Peer, RpcContext, TwoWayMethod } from "./method.ts";

const MAX_TARGETS = 1000;
/** Clients take a stream for dead after 120 s of silence. */
const HEARTBEAT_MS = 30_000;

interface Concerned {
  readonly shown: number[];
  readonly left: number[];
}

export const listen: TwoWayMethod = (context, caller, peer) =>
  new ListenCall(context, caller, peer);

class ListenCall implements OpenCall {
  readonly #context: RpcContext;
  readonly #caller: Caller;
  readonly #peer: Peer;
  readonly #targets = new Map<number, ListenTarget>();
  readonly #unsubscribe: () => void;
  #heartbeat: Timer;

  constructor(context: RpcContext, caller: Caller, peer: Peer) {
    this.#context = context;
    this.#caller = caller;
    this.#peer = peer;
    this.#unsubscribe = context.store.onCommit((commit) => this.#onCommit(commit));
    this.#heartbeat = this.#scheduleHeartbeat();
  }

  receive(request: Json): void {
    this.#context.database.checkDatabase(optionalString(request["database"], "database"));
    if (request["addTarget"] !== undefined) {
      this.#add(new ListenTarget(this.#context, objectAt(request["addTarget"], "addTarget")));
    } else if (request["removeTarget"] !== undefined) {
      this.#remove(Number(request["removeTarget"]));
    } else throw invalid("A Listen request needs addTarget or removeTarget.");
  }

  close(): void {
    this.#heartbeat.cancel();
    this.#unsubscribe();
    this.#targets.clear();
  }

  /** From authorising to the last line there is no await: no commit can fall between snapshot and changes. */
  #add(target: ListenTarget): void {
    if (this.#targets.size >= MAX_TARGETS)
      throw invalid(`At most ${MAX_TARGETS} targets per call.`);
    const targetIds = [target.id];
    this.#peer.send({ targetChange: { targetChangeType: "ADD", targetIds } });
    try {
      this.#authorize(target);
    } catch (error) {
      this.#remove(target.id, error);
      return;
    }
    const { store } = this.#context;
    if (target.isResumed)
      this.#peer.send({ targetChange: { targetChangeType: "RESET", targetIds } });
    const readTime = store.readTime();
    for (const document of target.start(store.durable)) {
      this.#peer.send({
        documentChange: { document: target.query?.project(document) ?? document, targetIds },
      });
    }
    for (const name of target.names) {
      if (store.durable.get(name) !== null) continue;
      this.#peer.send({
        documentDelete: { document: name, readTime, removedTargetIds: targetIds },
      });
    }
    const resumeToken = Buffer.from(readTime).toString("base64");
    this.#peer.send({
      targetChange: { targetChangeType: "CURRENT", targetIds, resumeToken, readTime },
    });
    this.#peer.send({ targetChange: { resumeToken, readTime } });
    if (target.isOnce) this.#remove(target.id);
    else this.#targets.set(target.id, target);
  }

  #remove(id: number, error?: unknown): void {
    this.#targets.delete(id);
    const change = { targetChangeType: "REMOVE", targetIds: [id] };
    const known = error === undefined ? undefined : asRpcError(error);
    const cause = known && { code: known.code, message: known.message };
    this.#peer.send({ targetChange: cause === undefined ? change : { ...change, cause } });
  }

  #authorize(target: ListenTarget): void {
    const { access, indexes, store } = this.#context;
    if (target.query !== undefined) {
      access.checkList(this.#caller, target.query);
      indexes.check(target.query);
    }
    for (const name of target.names) access.checkGet(this.#caller, name, store.durable.get(name));
  }

  #onCommit(commit: CommitRecord): void {
    this.#refuseNoLongerAllowed(commit);
    const concerned = this.#concerned(commit);
    if (concerned.size === 0) return;
    for (const [name, targets] of concerned) this.#tell(name, targets, commit.commitTime);
    this.#sendGlobalSnapshot(commit.commitTime);
  }

  /** Rules may depend on the document itself: who could read it may not be able to after the change. */
  #refuseNoLongerAllowed(commit: CommitRecord): void {
    if (this.#caller.isOwner) return;
    for (const target of this.#targets.values()) {
      if (!target.isNamedIn(commit)) continue;
      try {
        this.#authorize(target);
      } catch (error) {
        this.#remove(target.id, error);
      }
    }
  }

  #concerned(commit: CommitRecord): Map<string, Concerned> {
    const byName = new Map<string, Concerned>();
    const at = (name: string): Concerned => {
      const entry = byName.get(name) ?? { shown: [], left: [] };
      byName.set(name, entry);
      return entry;
    };
    for (const target of this.#targets.values()) {
      const { shown, left } = target.apply(commit, this.#context.store.durable);
      for (const name of shown) at(name).shown.push(target.id);
      for (const name of left) at(name).left.push(target.id);
    }
    return byName;
  }

  #tell(name: string, { shown, left }: Concerned, readTime: string): void {
    const document = this.#context.store.durable.get(name);
    const removedTargetIds = left;
    if (document === null) {
      this.#peer.send({ documentDelete: { document: name, removedTargetIds, readTime } });
    } else if (shown.length === 0) {
      this.#peer.send({ documentRemove: { document: name, removedTargetIds, readTime } });
    } else this.#tellChange(document.name, shown, left);
  }

  /** Targets that select fields see their own form of the document, so they are told apart. */
  #tellChange(name: string, shown: readonly number[], removedTargetIds: readonly number[]): void {
    const document = this.#context.store.durable.get(name);
    if (document === null) return;
    const whole: number[] = [];
    for (const id of shown) {
      const form: StoredDocument = this.#targets.get(id)?.query?.project(document) ?? document;
      if (form === document) whole.push(id);
      else this.#peer.send({ documentChange: { document: form, targetIds: [id] } });
    }
    if (whole.length === 0 && removedTargetIds.length === 0) return;
    this.#peer.send({ documentChange: { document, targetIds: whole, removedTargetIds } });
  }

  #sendGlobalSnapshot(readTime: string): void {
    const resumeToken = Buffer.from(readTime).toString("base64");
    this.#peer.send({ targetChange: { resumeToken, readTime } });
  }

  #scheduleHeartbeat(): Timer {
    return this.#context.timers.after(HEARTBEAT_MS, () => {
      if (this.#targets.size > 0) this.#sendGlobalSnapshot(this.#context.store.readTime());
      this.#heartbeat = this.#scheduleHeartbeat();
    });
  }
}
