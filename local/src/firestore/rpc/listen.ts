/** `Listen`: targets come and go on one call, and every commit is told once with all the targets it concerns. */
import type { Timer } from "@bifrost/shared/domain/time";
import type { Caller } from "../edge/caller.ts";
import type { CommitRecord, StoredDocument } from "../document.ts";
import { asRpcError, invalid } from "../rpc-error.ts";
import type { ReadChecks } from "../watch/read-checks.ts";
import type { News, Subscription, Told, Watcher } from "../watch/watch-hub.ts";
import { objectAt, optionalString, type Json } from "../wire-json.ts";
import { firstAnswer } from "./listen-answer.ts";
import { parseTarget, type ListenTarget } from "./listen-target.ts";
import type { OpenCall, Peer, RpcContext, TwoWayMethod } from "./method.ts";

const MAX_TARGETS = 1000;
/** Clients take a stream for dead after 120 s of silence. */
const HEARTBEAT_MS = 30_000;

export const listen: TwoWayMethod = (context, caller, peer) =>
  new ListenCall(context, caller, peer);

class ListenCall implements OpenCall, Watcher {
  readonly #context: RpcContext;
  readonly #caller: Caller;
  readonly #peer: Peer;
  readonly #targets = new Map<number, Subscription>();
  #heartbeat: Timer;

  constructor(context: RpcContext, caller: Caller, peer: Peer) {
    this.#context = context;
    this.#caller = caller;
    this.#peer = peer;
    this.#heartbeat = this.#scheduleHeartbeat();
  }

  receive(request: Json): void {
    this.#context.database.checkDatabase(optionalString(request["database"], "database"));
    if (request["addTarget"] !== undefined) {
      this.#add(parseTarget(this.#context, objectAt(request["addTarget"], "addTarget")));
    } else if (request["removeTarget"] !== undefined) {
      this.#remove(Number(request["removeTarget"]));
    } else throw invalid("A Listen request needs addTarget or removeTarget.");
  }

  close(): void {
    this.#heartbeat.cancel();
    for (const subscription of this.#targets.values()) this.#context.watches.remove(subscription);
    this.#targets.clear();
  }

  /** From asking the rules to the last line there is no await: no commit can fall between snapshot and changes. */
  #add(target: ListenTarget): void {
    const { id: targetId, key, query, names } = target;
    if (this.#targets.has(targetId)) throw invalid(`Target ${targetId} is already listened to.`);
    if (this.#targets.size >= MAX_TARGETS)
      throw invalid(`At most ${MAX_TARGETS} targets per call.`);
    const { watches, store } = this.#context;
    this.#peer.send({ targetChange: { targetChangeType: "ADD", targetIds: [targetId] } });
    const dependsOn = this.#allowed(targetId, () => this.#check(target));
    if (dependsOn === null) return;
    for (const response of firstAnswer(this.#context, this.#caller, target)) {
      this.#peer.send(response);
    }
    this.#sendGlobalSnapshot(store.readTime());
    if (target.isOnce) {
      this.#remove(targetId);
      return;
    }
    const subscription = { targetId, key, query, names, watcher: this, dependsOn };
    this.#targets.set(targetId, subscription);
    watches.add(subscription);
  }

  /** Null when the rules refuse; the other side has then been told. */
  #allowed(targetId: number, check: () => ReadonlySet<string>): ReadonlySet<string> | null {
    try {
      return check();
    } catch (error) {
      this.#remove(targetId, error);
      return null;
    }
  }

  #remove(targetId: number, error?: unknown): void {
    const subscription = this.#targets.get(targetId);
    if (subscription !== undefined) this.#context.watches.remove(subscription);
    this.#targets.delete(targetId);
    const change = { targetChangeType: "REMOVE", targetIds: [targetId] };
    const known = error === undefined ? undefined : asRpcError(error);
    const cause = known && { code: known.code, message: known.message };
    this.#peer.send({ targetChange: cause === undefined ? change : { ...change, cause } });
  }

  #check(target: ListenTarget): ReadonlySet<string> {
    const { watches, indexes } = this.#context;
    const dependsOn = watches.checks().check(this.#caller, target);
    if (target.query !== undefined) indexes.check(target.query);
    return dependsOn;
  }

  /** Rules may depend on the document itself or on others: who could read may not be able to any more. */
  recheck(subscription: Subscription, checks: ReadChecks): void {
    const { targetId } = subscription;
    const dependsOn = this.#allowed(targetId, () => checks.check(this.#caller, subscription));
    if (dependsOn !== null) this.#context.watches.rest(subscription, dependsOn);
  }

  tell(commit: CommitRecord, news: News): void {
    for (const [name, told] of news) this.#tellOne(name, told, commit.commitTime);
    this.#sendGlobalSnapshot(commit.commitTime);
  }

  #tellOne(name: string, { shown, left }: Told, readTime: string): void {
    const document = this.#context.store.durable.get(name);
    const removedTargetIds = left.map(({ targetId }) => targetId);
    if (document === null) {
      this.#peer.send({ documentDelete: { document: name, removedTargetIds, readTime } });
      return;
    }
    const whole = this.#tellProjected(document, shown);
    if (whole.length > 0) {
      const targetIds = whole.map(({ targetId }) => targetId);
      this.#peer.send({ documentChange: { document, targetIds, removedTargetIds } });
    } else if (left.length > 0) {
      this.#peer.send({ documentRemove: { document: name, removedTargetIds, readTime } });
    }
  }

  /** Targets that select fields are told their own form of the document; answers those that see it whole. */
  #tellProjected(document: StoredDocument, shown: readonly Subscription[]): Subscription[] {
    return shown.filter(({ query, targetId }) => {
      const form = query?.project(document) ?? document;
      if (form === document) return true;
      this.#peer.send({ documentChange: { document: form, targetIds: [targetId] } });
      return false;
    });
  }

  #sendGlobalSnapshot(readTime: string): void {
    const resumeToken = this.#context.store.resumeToken();
    this.#peer.send({ targetChange: { resumeToken, readTime } });
  }

  #scheduleHeartbeat(): Timer {
    return this.#context.timers.after(HEARTBEAT_MS, () => {
      if (this.#targets.size > 0) this.#sendGlobalSnapshot(this.#context.store.readTime());
      this.#heartbeat = this.#scheduleHeartbeat();
    });
  }
}
