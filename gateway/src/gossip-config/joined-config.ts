/** Configuration from this node's own store and from the other nodes, whichever is newer. */
import type {
  ConfigDocument,
  ConfigKind,
  ConfigSnapshot,
} from "@bifrost/shared/domain/config-document";
import type { Timers } from "@bifrost/shared/domain/time";
import type { ConfigSource } from "@bifrost/shared/ports/config-source";
import type { OwnDocuments, ToldDocument } from "./config-relay.ts";
import { joinSnapshots } from "./join-snapshots.ts";

export interface JoinedConfigOptions<Kind extends ConfigKind> {
  readonly own: ConfigSource<Kind>;
  readonly kinds: readonly Kind[];
  /** Tells the others what this node's store holds; it may be lost while there is no cluster. */
  readonly offer: (documents: OwnDocuments) => void;
  readonly timers: Timers;
}

/** How long the store is waited for, before what others hold is served without it. */
const STORE_MS = 3000;

type Listener = (snapshot: ConfigSnapshot) => void;

interface KindState {
  own: ConfigSnapshot | null;
  gossiped: ReadonlyMap<string, ConfigDocument>;
  /** Of `own`; null = nothing of it. */
  offered: ConfigSnapshot | null;
  readonly listeners: Set<Listener>;
}

export class JoinedConfig<Kind extends ConfigKind> implements ConfigSource<Kind> {
  private readonly options: JoinedConfigOptions<Kind>;
  private readonly states: ReadonlyMap<Kind, KindState>;
  private readonly stops: (() => void)[];
  private hasGossip = false;
  private isStoreLate = false;

  constructor(options: JoinedConfigOptions<Kind>) {
    this.options = options;
    this.states = new Map(
      options.kinds.map((kind) => [
        kind,
        { own: null, gossiped: new Map(), offered: null, listeners: new Set() },
      ]),
    );
    const late = options.timers.after(STORE_MS, () => {
      this.isStoreLate = true;
      for (const state of this.states.values()) if (state.own === null) this.tell(state);
    });
    const stops = options.kinds.map((kind) =>
      options.own.watch(kind, (snapshot) => this.takeOwn(kind, snapshot)),
    );
    this.stops = [...stops, () => late.cancel()];
  }

  watch(kind: Kind, listener: Listener): () => void {
    const state = this.states.get(kind);
    if (state === undefined) return () => undefined;
    state.listeners.add(listener);
    const known = this.joined(state);
    if (known !== null) listener(known);
    return () => void state.listeners.delete(listener);
  }

  /** From the other nodes. */
  take(documents: readonly ToldDocument[]): void {
    // From now on a kind of which there is nothing is known to be empty.
    const isFirst = !this.hasGossip && documents.length > 0;
    this.hasGossip ||= isFirst;
    for (const [kind, state] of this.states) {
      const news = documents.filter(
        (told) =>
          told.kind === kind &&
          told.document.version > (state.gossiped.get(told.document.id)?.version ?? ""),
      );
      if (news.length === 0) {
        if (isFirst && state.own === null) this.tell(state);
        continue;
      }
      const gossiped = new Map(state.gossiped);
      for (const { document } of news) gossiped.set(document.id, document);
      state.gossiped = gossiped;
      this.tell(state);
    }
  }

  /** To a gossip process that has just begun and knows nothing. */
  offerAll(): void {
    for (const [kind, state] of this.states) {
      state.offered = null;
      this.offer(kind, state);
    }
  }

  stop(): void {
    for (const stop of this.stops) stop();
  }

  private takeOwn(kind: Kind, snapshot: ConfigSnapshot): void {
    const state = this.states.get(kind);
    if (state === undefined) return;
    state.own = snapshot;
    this.tell(state);
    this.offer(kind, state);
  }

  private offer(kind: Kind, state: KindState): void {
    const { own, offered } = state;
    if (own === null) return;
    state.offered = own;
    const documents = [...own.documents.values()].filter(
      ({ id, version }) => offered?.documents.get(id)?.version !== version,
    );
    const removed = [...(offered?.documents.keys() ?? [])].filter((id) => !own.documents.has(id));
    this.options.offer({ kind, documents, removed, isAll: offered === null, asOf: own.asOf });
  }

  private tell(state: KindState): void {
    const known = this.joined(state);
    if (known !== null) for (const listener of state.listeners) listener(known);
  }

  private joined({ own, gossiped }: KindState): ConfigSnapshot | null {
    if (own === null && !(this.isStoreLate && this.hasGossip)) return null;
    return joinSnapshots(own, gossiped);
  }
}
