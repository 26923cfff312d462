/** Removes what belonged to what is gone: dependents of deleted owners, contents of ended namespaces. */
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ObjectStore, StoreEvent } from "../api/object-store.ts";
import type { Resources } from "../api/resources.ts";
import { kindOfObject, NAMESPACE } from "../objects/kinds.ts";
import type { KubeObject } from "../objects/object.ts";
import { WorkQueue } from "./work-queue.ts";

const FOREGROUND = "foregroundDeletion";

export class GarbageCollector {
  readonly #store: ObjectStore;
  readonly #resources: Resources;
  readonly #queue: WorkQueue;

  constructor(store: ObjectStore, resources: Resources, log: Logger) {
    this.#store = store;
    this.#resources = resources;
    this.#queue = new WorkQueue(() => this.#collect(), log);
  }

  start(): void {
    this.#queue.add("all");
  }

  onChange(event: StoreEvent): void {
    const isMarked = event.object.metadata.deletionTimestamp !== undefined;
    if (event.type === "DELETED" || isMarked) this.#queue.add("all");
  }

  close(): void {
    this.#queue.close();
  }

  #collect(): void {
    const objects = this.#store.all();
    const alive = new Map(objects.map((object) => [object.metadata.uid ?? "", object]));
    for (const object of objects) {
      const owners = object.metadata.ownerReferences ?? [];
      if (owners.length === 0) continue;
      const left = owners
        .map((owner) => alive.get(owner.uid))
        .filter((owner) => owner !== undefined);
      const isDraining = left.some((owner) => owner.metadata.finalizers?.includes(FOREGROUND));
      if (left.length === 0 || isDraining) this.#delete(object);
    }
    for (const object of objects) this.#finishForeground(object);
    for (const namespace of this.#store.list(NAMESPACE)) this.#finishNamespace(namespace);
  }

  #delete(object: KubeObject): void {
    const kind = kindOfObject(object.apiVersion, object.kind);
    if (kind === undefined || object.metadata.deletionTimestamp !== undefined) return;
    const { namespace, name } = object.metadata;
    if (this.#store.get(kind, namespace, name) === undefined) return;
    this.#resources.delete(
      { kind, namespace, name, subresource: undefined },
      { propagation: "Background", graceSeconds: undefined, dryRun: false },
    );
  }

  #finishForeground(object: KubeObject): void {
    const { metadata } = object;
    if (metadata.deletionTimestamp === undefined) return;
    if (metadata.finalizers?.includes(FOREGROUND) !== true) return;
    const isHeld = this.#store
      .all()
      .some((each) => each.metadata.ownerReferences?.some((owner) => owner.uid === metadata.uid));
    const kind = kindOfObject(object.apiVersion, object.kind);
    if (isHeld || kind === undefined) return;
    const others = metadata.finalizers.filter((name) => name !== FOREGROUND);
    if (others.length === 0) this.#store.remove(kind, object);
    else {
      this.#store.update(kind, object, (current) => {
        current.metadata.finalizers = others;
        return current;
      });
    }
  }

  #finishNamespace(namespace: KubeObject): void {
    if (namespace.metadata.deletionTimestamp === undefined) return;
    const inside = this.#store
      .all()
      .filter((object) => object.metadata.namespace === namespace.metadata.name);
    for (const object of inside) this.#delete(object);
    const left = this.#store
      .all()
      .some((object) => object.metadata.namespace === namespace.metadata.name);
    if (!left) this.#store.remove(NAMESPACE, namespace);
  }
}
