/** Who is told of a commit: found by the documents it changed, not by asking every listener. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Access } from "../access.ts";
import type { CommitRecord, StoredDocument } from "../document.ts";
import type { Query } from "../query/query.ts";
import { collectionOf } from "../resource-name.ts";
import type { Store } from "../store/store.ts";
import { ReadChecks, type Readable } from "./read-checks.ts";
import { SetsByKey } from "./sets-by-key.ts";
import { WatchedQuery } from "./watched-query.ts";

/** One target of one listener. */
export interface Subscription extends Readable {
  readonly targetId: number;
  readonly watcher: Watcher;
  /** Documents that the permission to listen rests on: when one changes, it is asked for again. */
  dependsOn: ReadonlySet<string>;
}

/** For each document: the subscriptions that show it now, and those that no longer do. */
export type News = ReadonlyMap<string, Told>;
export interface Told {
  readonly shown: Subscription[];
  readonly left: Subscription[];
}

export interface Watcher {
  /** A document that the permission rests on has changed; `checks` tells how it stands now. */
  recheck(subscription: Subscription, checks: ReadChecks): void;
  /** What a commit did to the subscriptions of this watcher; never empty. */
  tell(commit: CommitRecord, news: News): void;
}

interface SharedQuery {
  readonly readable: Readable;
  readonly watched: WatchedQuery;
  readonly subscriptions: Set<Subscription>;
}

export class WatchHub {
  readonly #store: Store;
  readonly #access: Access;
  readonly #log: Logger;
  readonly #queries = new Map<string, SharedQuery>();
  /** Queries of one collection, by its path. */
  readonly #byCollection = new SetsByKey<SharedQuery>();
  /** Queries that reach into many collections. */
  readonly #wide = new Set<SharedQuery>();
  readonly #byName = new SetsByKey<Subscription>();
  readonly #byDependency = new SetsByKey<Subscription>();

  constructor(store: Store, access: Access, log: Logger) {
    this.#store = store;
    this.#access = access;
    this.#log = log;
    store.onCommit((commit) => this.#onCommit(commit));
  }

  /** Distinct queries and documents that somebody listens to. */
  get size(): { readonly queries: number; readonly documents: number } {
    return { queries: this.#queries.size, documents: this.#byName.size };
  }

  /** Answers about permissions, good until the next commit. */
  checks(): ReadChecks {
    return new ReadChecks(this.#access, this.#store.durable);
  }

  /** The parsed form of a query that somebody listens to already, so that equal ones exist once. */
  known(key: string): Readable | undefined {
    return this.#queries.get(key)?.readable;
  }

  /** The documents a target shows now; a query that somebody listens to already is not run again. */
  resultOf({ key, query, names }: Readable): readonly StoredDocument[] {
    const { durable } = this.#store;
    const shared = this.#queries.get(key);
    if (shared !== undefined) return shared.watched.result(durable);
    if (query !== undefined) return query.run(durable);
    return names.map((name) => durable.get(name)).filter((document) => document !== null);
  }

  add(subscription: Subscription): void {
    this.rest(subscription, subscription.dependsOn);
    for (const name of subscription.names) this.#byName.add(name, subscription);
    const { query, key } = subscription;
    if (query !== undefined)
      this.#shared({ key, query, names: [] }).subscriptions.add(subscription);
  }

  /** The permission rests on other documents from now on. */
  rest(subscription: Subscription, dependsOn: ReadonlySet<string>): void {
    for (const name of subscription.dependsOn) this.#byDependency.delete(name, subscription);
    subscription.dependsOn = dependsOn;
    for (const name of dependsOn) this.#byDependency.add(name, subscription);
  }

  remove(subscription: Subscription): void {
    this.rest(subscription, new Set());
    for (const name of subscription.names) this.#byName.delete(name, subscription);
    const shared = this.#queries.get(subscription.key);
    if (subscription.query === undefined || shared === undefined) return;
    shared.subscriptions.delete(subscription);
    if (shared.subscriptions.size > 0) return;
    this.#queries.delete(subscription.key);
    this.#wide.delete(shared);
    this.#byCollection.delete(subscription.query.collectionPath ?? "", shared);
  }

  #shared(readable: Readable & { readonly query: Query }): SharedQuery {
    const known = this.#queries.get(readable.key);
    if (known !== undefined) return known;
    const { query } = readable;
    const watched = new WatchedQuery(query, this.#store.durable);
    const shared: SharedQuery = { readable, watched, subscriptions: new Set() };
    this.#queries.set(readable.key, shared);
    if (query.collectionPath === undefined) this.#wide.add(shared);
    else this.#byCollection.add(query.collectionPath, shared);
    return shared;
  }

  #onCommit(commit: CommitRecord): void {
    this.#recheck(commit);
    for (const [watcher, news] of this.#newsOf(commit)) {
      this.#guarded(commit, () => watcher.tell(commit, news));
    }
  }

  /** Before anything is told: who may no longer read must not hear of it. */
  #recheck({ changes, sequence }: CommitRecord): void {
    const concerned = new Set<Subscription>();
    for (const { name } of changes) {
      for (const subscription of this.#byDependency.get(name)) concerned.add(subscription);
    }
    if (concerned.size === 0) return;
    const checks = this.checks();
    for (const subscription of concerned) {
      this.#guarded({ sequence }, () => subscription.watcher.recheck(subscription, checks));
    }
  }

  #newsOf(commit: CommitRecord): ReadonlyMap<Watcher, News> {
    const all = new Map<Watcher, Map<string, Told>>();
    const tell = (to: Iterable<Subscription>, what: keyof Told, name: string): void => {
      for (const subscription of to) {
        const news = all.get(subscription.watcher) ?? new Map<string, Told>();
        all.set(subscription.watcher, news);
        const told = news.get(name) ?? { shown: [], left: [] };
        news.set(name, told);
        told[what].push(subscription);
      }
    };
    for (const { name, after } of commit.changes) {
      tell(this.#byName.get(name), after === null ? "left" : "shown", name);
    }
    for (const { watched, subscriptions } of this.#queriesOver(commit)) {
      const { shown, left } = watched.apply(commit, this.#store.durable);
      for (const name of shown) tell(subscriptions, "shown", name);
      for (const name of left) tell(subscriptions, "left", name);
    }
    return all;
  }

  #queriesOver({ changes }: CommitRecord): ReadonlySet<SharedQuery> {
    const queries = new Set(this.#wide);
    for (const path of new Set(changes.map(({ name }) => collectionOf(name)))) {
      for (const query of this.#byCollection.get(path)) queries.add(query);
    }
    return queries;
  }

  /** One listener that fails must not keep the others from hearing. */
  #guarded({ sequence }: Pick<CommitRecord, "sequence">, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#log.error("a listener could not be told of a commit", {
        sequence,
        error: messageOf(error),
      });
    }
  }
}
