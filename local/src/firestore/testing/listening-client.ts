/** A client of Listen that keeps what it is told, as the real ones do, and counts how it was told. */
import type { Caller } from "../edge/caller.ts";
import { listen } from "../rpc/listen.ts";
import type { OpenCall, RpcContext } from "../rpc/method.ts";
import type { Json } from "../wire-json.ts";

interface TargetChange {
  readonly targetChangeType?: "ADD" | "REMOVE" | "CURRENT" | "RESET";
  readonly targetIds?: readonly number[];
  readonly resumeToken?: string;
  readonly readTime?: string;
  readonly cause?: { readonly code: number };
}

interface Response {
  readonly targetChange?: TargetChange;
  readonly documentChange?: {
    readonly document: { readonly name: string; readonly updateTime: string };
    readonly targetIds: readonly number[];
    readonly removedTargetIds?: readonly number[];
  };
  readonly documentDelete?: Gone;
  readonly documentRemove?: Gone;
  readonly filter?: { readonly targetId: number; readonly count: number };
}

interface Gone {
  readonly document: string;
  readonly removedTargetIds: readonly number[];
}

export class ListeningClient {
  readonly #context: RpcContext;
  readonly #caller: Caller;
  readonly #targets: ReadonlyMap<number, Json>;
  /** Per target: update time by document name. */
  readonly held = new Map<number, Map<string, string>>();
  readonly refused = new Map<number, number>();
  readonly readTimes: string[] = [];
  resets = 0;
  /** How often the client held another number of documents than the result has, and asked again. */
  recounts = 0;
  /** Documents told since the last look. */
  told: string[] = [];
  #resumeToken = "";
  #call: OpenCall | null = null;
  readonly #miscounted = new Set<number>();

  constructor(context: RpcContext, caller: Caller, targets: ReadonlyMap<number, Json>) {
    this.#context = context;
    this.#caller = caller;
    this.#targets = targets;
  }

  get isConnected(): boolean {
    return this.#call !== null;
  }

  /** Opens a call and adds every target, from where the last call ended. */
  connect(): void {
    this.#call = listen(this.#context, this.#caller, {
      send: (response) => this.#receive(response),
      fail: rethrow,
    });
    const resume = this.#resumeToken === "" ? {} : { resumeToken: this.#resumeToken };
    for (const [targetId, what] of this.#targets) {
      this.#call.receive({ addTarget: { targetId, ...what, ...resume } });
    }
    for (const targetId of this.#miscounted) this.#askAgain(targetId);
    this.#miscounted.clear();
  }

  #askAgain(targetId: number): void {
    this.recounts += 1;
    this.#of(targetId).clear();
    this.#call?.receive({ removeTarget: targetId });
    this.#call?.receive({ addTarget: { targetId, ...this.#targets.get(targetId) } });
  }

  /** Goes on from where another client was, with what it held. */
  connectFrom(other: ListeningClient): void {
    for (const [id, held] of other.held) this.held.set(id, new Map(held));
    this.#resumeToken = other.#resumeToken;
    this.connect();
  }

  disconnect(): void {
    this.#call?.close();
    this.#call = null;
  }

  #of(targetId: number): Map<string, string> {
    const held = this.held.get(targetId) ?? new Map<string, string>();
    this.held.set(targetId, held);
    return held;
  }

  #receive(response: Response): void {
    const { targetChange, documentChange, filter } = response;
    if (targetChange !== undefined) this.#onTargetChange(targetChange);
    if (documentChange !== undefined) {
      const { document, targetIds, removedTargetIds = [] } = documentChange;
      this.told.push(document.name);
      for (const id of targetIds) this.#of(id).set(document.name, document.updateTime);
      for (const id of removedTargetIds) this.#of(id).delete(document.name);
    }
    const gone = response.documentDelete ?? response.documentRemove;
    if (gone !== undefined) {
      this.told.push(gone.document);
      for (const id of gone.removedTargetIds) this.#of(id).delete(gone.document);
    }
    if (filter !== undefined && this.#of(filter.targetId).size !== filter.count) {
      this.#miscounted.add(filter.targetId);
    }
  }

  #onTargetChange(change: TargetChange): void {
    const { targetChangeType, targetIds = [], resumeToken, readTime, cause } = change;
    if (targetChangeType === "RESET") {
      this.resets += 1;
      for (const id of targetIds) this.#of(id).clear();
    }
    if (cause !== undefined) for (const id of targetIds) this.refused.set(id, cause.code);
    if (readTime !== undefined) this.readTimes.push(readTime);
    if (resumeToken !== undefined && targetIds.length === 0) this.#resumeToken = resumeToken;
  }
}

function rethrow(error: unknown): never {
  throw error;
}
