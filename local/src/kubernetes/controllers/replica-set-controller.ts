/** Keeps as many pods as a ReplicaSet asks for. */
import { randomBytes } from "node:crypto";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ObjectStore, StoreEvent } from "../api/object-store.ts";
import type { Resources } from "../api/resources.ts";
import { POD, REPLICA_SET } from "../objects/kinds.ts";
import { conditionOf, controllerOf, isReady } from "../objects/object.ts";
import type { Pod, ReplicaSet } from "../objects/object.ts";
import { matchesLabels } from "../objects/selectors.ts";
import { objectKey, splitKey, WorkQueue } from "./work-queue.ts";

export class ReplicaSetController {
  readonly #store: ObjectStore;
  readonly #resources: Resources;
  readonly #timers: Timers;
  readonly #queue: WorkQueue;

  constructor(store: ObjectStore, resources: Resources, timers: Timers, log: Logger) {
    this.#store = store;
    this.#resources = resources;
    this.#timers = timers;
    this.#queue = new WorkQueue((key) => this.#reconcile(key), log);
  }

  start(): void {
    for (const object of this.#store.list(REPLICA_SET)) this.#queue.add(objectKey(object));
  }

  onChange(event: StoreEvent): void {
    if (event.kind === REPLICA_SET) this.#queue.add(objectKey(event.object));
    if (event.kind !== POD) return;
    const owner = controllerOf(event.object);
    const namespace = event.object.metadata.namespace ?? "";
    if (owner?.kind === "ReplicaSet") this.#queue.add(`${namespace}/${owner.name}`);
  }

  close(): void {
    this.#queue.close();
  }

  #reconcile(key: string): void {
    const { namespace, name } = splitKey(key);
    const set = this.#store.get<ReplicaSet>(REPLICA_SET, namespace, name);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
    const active = this.#activePods(set);
    const missing = (set.spec.replicas ?? 1) - active.length;
    for (let count = 0; count < missing; count += 1) this.#store.put(POD, newPod(set));
    for (const pod of podsToDelete(active, -missing)) this.#delete(pod);
    this.#report(set, this.#activePods(set));
  }

  #activePods(set: ReplicaSet): readonly Pod[] {
    return this.#store
      .list<Pod>(POD, set.metadata.namespace)
      .filter((pod) => controllerOf(pod)?.uid === set.metadata.uid && isActive(pod));
  }

  #delete(pod: Pod): void {
    const { namespace, name } = pod.metadata;
    const target = { kind: POD, namespace, name, subresource: undefined };
    this.#resources.delete(target, {
      propagation: "Background",
      graceSeconds: undefined,
      dryRun: false,
    });
  }

  #report(set: ReplicaSet, active: readonly Pod[]): void {
    const now = this.#timers.now();
    const ready = active.filter(isReady);
    const waits = ready.map((pod) => availableInMs(pod, set.spec.minReadySeconds ?? 0, now));
    const status = {
      replicas: active.length,
      fullyLabeledReplicas: active.filter((pod) =>
        matchesLabels(set.spec.selector, pod.metadata.labels),
      ).length,
      readyReplicas: ready.length,
      availableReplicas: waits.filter((wait) => wait <= 0).length,
      observedGeneration: set.metadata.generation ?? 1,
    };
    this.#store.update<ReplicaSet>(REPLICA_SET, set, (latest) => ({ ...latest, status }));
    const next = Math.min(...waits.filter((wait) => wait > 0));
    if (Number.isFinite(next)) this.#timers.after(next, () => this.#queue.add(objectKey(set)));
  }
}

function isActive(pod: Pod): boolean {
  const phase = pod.status?.phase;
  const isOver = phase === "Succeeded" || phase === "Failed";
  return pod.metadata.deletionTimestamp === undefined && !isOver;
}

function availableInMs(pod: Pod, minReadySeconds: number, now: number): number {
  if (minReadySeconds === 0) return 0;
  const since = conditionOf(pod.status?.conditions, "Ready")?.lastTransitionTime;
  return Date.parse(since ?? "") + minReadySeconds * 1000 - now;
}

/** Pods that serve nobody go first, then the youngest. */
export function podsToDelete(pods: readonly Pod[], count: number): readonly Pod[] {
  const ranked = pods.toSorted((a, b) => {
    const byReady = Number(isReady(a)) - Number(isReady(b));
    if (byReady !== 0) return byReady;
    const [first = "", second = ""] = [a, b].map((pod) => pod.metadata.creationTimestamp);
    if (first !== second) return first < second ? 1 : -1;
    return a.metadata.name < b.metadata.name ? 1 : -1;
  });
  return ranked.slice(0, Math.max(0, count));
}

function newPod(set: ReplicaSet): Pod {
  const { name, namespace, uid } = set.metadata;
  const template = structuredClone(set.spec.template);
  if (template?.spec === undefined) throw new Error(`replica set ${name} has no pod template`);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${name}-${randomBytes(3).toString("hex").slice(0, 5)}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...template.metadata?.labels },
      annotations: { ...template.metadata?.annotations },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name,
          uid: uid ?? "",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: template.spec,
    status: { phase: "Pending" },
  };
}
