/** All objects by kind and name, one resourceVersion counter, and the recent events that watches replay. */
import { randomUUID } from "node:crypto";
import type { Clock } from "@bifrost/shared/domain/time";
import type { Kind } from "../objects/kinds.ts";
import { groupVersionOf, kindOfObject } from "../objects/kinds.ts";
import { kubeTime } from "../objects/object.ts";
import type { KubeObject } from "../objects/object.ts";
import type { Journal } from "./journal.ts";

export interface StoreEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly kind: Kind;
  readonly object: KubeObject;
  /** The object as it was, so that a selector can tell who leaves its view. */
  readonly before: KubeObject | undefined;
  readonly version: number;
}

export type StoreListener = (event: StoreEvent) => void;

/** Events kept for replay; a watch that starts further back gets 410 and lists again. */
const EVENTS_KEPT = 4096;
/** Leaves room for versions of a torn journal tail that a client may have seen. */
const VERSION_GAP = 1000;

export class ObjectStore {
  readonly #objects = new Map<string, KubeObject>();
  readonly #listeners = new Set<StoreListener>();
  readonly #journal: Journal | undefined;
  readonly #clock: Clock;
  #events: StoreEvent[] = [];
  #version = 1;
  #oldest: number;

  constructor(clock: Clock, journal?: Journal) {
    this.#clock = clock;
    this.#journal = journal;
    for (const object of journal?.load() ?? []) {
      const kind = kindOfObject(object.apiVersion, object.kind);
      if (kind === undefined) continue;
      this.#objects.set(keyOf(kind, object.metadata.namespace, object.metadata.name), object);
    }
    if (journal !== undefined) this.#version = journal.lastVersion + VERSION_GAP;
    this.#oldest = this.#version;
  }

  get version(): number {
    return this.#version;
  }

  /** Replays what happened after `version`; undefined when that is too long ago. */
  eventsAfter(version: number): readonly StoreEvent[] | undefined {
    if (version < this.#oldest) return undefined;
    return this.#events.filter((event) => event.version > version);
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the kind decides the type
  get<T extends KubeObject = KubeObject>(
    kind: Kind,
    namespace: string | undefined,
    name: string,
  ): T | undefined {
    return this.#objects.get(keyOf(kind, namespace, name)) as T | undefined;
  }

  /** Sorted by namespace and name; objects are never changed in place, so they may be kept. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the kind decides the type
  list<T extends KubeObject = KubeObject>(kind: Kind, namespace?: string): readonly T[] {
    const prefix = `${groupVersionOf(kind)}|${kind.plural}|${namespace === undefined ? "" : `${namespace}|`}`;
    return [...this.#objects]
      .filter(([key]) => key.startsWith(prefix))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object as T);
  }

  all(): readonly KubeObject[] {
    return [...this.#objects.values()];
  }

  /** Stores a new version of the object; an unchanged one is returned as it is, without an event. */
  put<T extends KubeObject>(kind: Kind, object: T): T {
    const key = keyOf(kind, object.metadata.namespace, object.metadata.name);
    const before = this.#objects.get(key);
    if (before !== undefined && isSame(before, object)) return before as T;
    this.#version += 1;
    const stored = structuredClone(object);
    stored.metadata.uid ??= randomUUID();
    stored.metadata.creationTimestamp ??= kubeTime(this.#clock.now());
    stored.metadata.resourceVersion = String(this.#version);
    this.#objects.set(key, stored);
    this.#journal?.put(this.#version, stored);
    this.#emit(before === undefined ? "ADDED" : "MODIFIED", kind, stored, before);
    this.#compact();
    return stored;
  }

  /** Changes only `status` (or metadata) of what is stored now; nothing happens when it is gone. */
  update<T extends KubeObject>(
    kind: Kind,
    of: KubeObject,
    change: (current: T) => T,
  ): T | undefined {
    const current = this.get<T>(kind, of.metadata.namespace, of.metadata.name);
    if (current === undefined || current.metadata.uid !== of.metadata.uid) return undefined;
    return this.put(kind, change(structuredClone(current)));
  }

  remove(kind: Kind, object: KubeObject): void {
    const key = keyOf(kind, object.metadata.namespace, object.metadata.name);
    const before = this.#objects.get(key);
    if (before === undefined || before.metadata.uid !== object.metadata.uid) return;
    this.#version += 1;
    this.#objects.delete(key);
    this.#journal?.remove(this.#version, before);
    const last = structuredClone(before);
    last.metadata.resourceVersion = String(this.#version);
    this.#emit("DELETED", kind, last, before);
    this.#compact();
  }

  /** Called after each change, in order, synchronously. Returns the function that ends it. */
  subscribe(listener: StoreListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #emit(
    type: StoreEvent["type"],
    kind: Kind,
    object: KubeObject,
    before: KubeObject | undefined,
  ): void {
    const event = { type, kind, object, before, version: this.#version };
    this.#events.push(event);
    if (this.#events.length > 2 * EVENTS_KEPT) {
      this.#events = this.#events.slice(-EVENTS_KEPT);
      this.#oldest = (this.#events[0]?.version ?? this.#version) - 1;
    }
    for (const listener of this.#listeners) listener(event);
  }

  #compact(): void {
    this.#journal?.compactWhenLong(this.#version, () => this.#objects.values());
  }
}

function keyOf(kind: Kind, namespace: string | undefined, name: string): string {
  return `${groupVersionOf(kind)}|${kind.plural}|${kind.namespaced ? (namespace ?? "default") : ""}|${name}`;
}

function isSame(a: KubeObject, b: KubeObject): boolean {
  return stripped(a) === stripped(b);
}

function stripped(object: KubeObject): string {
  const { resourceVersion: _version, ...metadata } = object.metadata;
  return stableJson({ ...object, metadata });
}

/** JSON with sorted keys: equal values give equal text. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
