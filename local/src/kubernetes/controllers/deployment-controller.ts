/** Turns a Deployment into ReplicaSets, one per pod template, and moves replicas from the old to the current one. */
import { createHash } from "node:crypto";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { stableJson } from "../api/object-store.ts";
import type { ObjectStore, StoreEvent } from "../api/object-store.ts";
import { DEPLOYMENT, REPLICA_SET } from "../objects/kinds.ts";
import { controllerOf } from "../objects/object.ts";
import type { Deployment, ReplicaSet } from "../objects/object.ts";
import { resolveIntOrPercent } from "../objects/quantity.ts";
import { decideRollout } from "./decide-rollout.ts";
import type { ReplicaCount } from "./decide-rollout.ts";
import { deploymentStatus } from "./deployment-status.ts";
import { objectKey, splitKey, WorkQueue } from "./work-queue.ts";

const HASH_LABEL = "pod-template-hash";
const REVISION = "deployment.kubernetes.io/revision";

export class DeploymentController {
  readonly #store: ObjectStore;
  readonly #timers: Timers;
  readonly #queue: WorkQueue;
  readonly #deadlines = new Map<string, Timer>();
  #rollouts = 0;

  constructor(store: ObjectStore, timers: Timers, log: Logger) {
    this.#store = store;
    this.#timers = timers;
    this.#queue = new WorkQueue((key) => this.#reconcile(key), log);
  }

  /** Pod templates put in force since start; each counts once. */
  get rollouts(): number {
    return this.#rollouts;
  }

  start(): void {
    for (const object of this.#store.list(DEPLOYMENT)) this.#queue.add(objectKey(object));
  }

  onChange(event: StoreEvent): void {
    if (event.kind === DEPLOYMENT) this.#queue.add(objectKey(event.object));
    if (event.kind !== REPLICA_SET) return;
    const owner = controllerOf(event.object);
    const namespace = event.object.metadata.namespace ?? "";
    if (owner?.kind === "Deployment") this.#queue.add(`${namespace}/${owner.name}`);
  }

  close(): void {
    this.#queue.close();
    for (const timer of this.#deadlines.values()) timer.cancel();
  }

  #reconcile(key: string): void {
    const { namespace, name } = splitKey(key);
    const deployment = this.#store.get<Deployment>(DEPLOYMENT, namespace, name);
    this.#deadlines.get(key)?.cancel();
    this.#deadlines.delete(key);
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return;
    const owned = this.#store
      .list<ReplicaSet>(REPLICA_SET, namespace)
      .filter((set) => controllerOf(set)?.uid === deployment.metadata.uid)
      .toSorted((a, b) => revisionOf(a) - revisionOf(b));
    const hash = templateHash(deployment);
    const found = owned.find((set) => set.metadata.labels?.[HASH_LABEL] === hash);
    const old = owned.filter((set) => set !== found);
    const isPaused = deployment.spec.paused === true;
    if (found === undefined && isPaused) return this.#report(deployment, undefined, old);
    const current = this.#current(deployment, hash, found, old);
    if (!isPaused) this.#scale(deployment, current, old);
    this.#report(deployment, current, old);
    this.#prune(deployment, old);
  }

  #current(
    deployment: Deployment,
    hash: string,
    found: ReplicaSet | undefined,
    old: readonly ReplicaSet[],
  ): ReplicaSet {
    const newest = Math.max(0, ...old.map(revisionOf));
    if (found !== undefined && revisionOf(found) > newest) return found;
    // A template never seen, or an earlier one coming back: a rollout begins.
    this.#rollouts += 1;
    const revision = String(newest + 1);
    this.#store.update<Deployment>(DEPLOYMENT, deployment, (latest) => {
      latest.metadata.annotations = { ...latest.metadata.annotations, [REVISION]: revision };
      return latest;
    });
    if (found === undefined) {
      return this.#store.put(REPLICA_SET, newReplicaSet(deployment, hash, revision));
    }
    const reused = this.#store.update<ReplicaSet>(REPLICA_SET, found, (set) => {
      set.metadata.annotations = { ...set.metadata.annotations, [REVISION]: revision };
      return set;
    });
    return reused ?? found;
  }

  #scale(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): void {
    const desired = deployment.spec.replicas ?? 1;
    const rolling = deployment.spec.strategy?.rollingUpdate;
    if (deployment.spec.strategy?.type === "Recreate") {
      for (const set of old) this.#setReplicas(set, 0);
      const isEmpty = old.every((set) => (set.status?.replicas ?? 0) === 0);
      if (isEmpty) this.#setReplicas(current, desired);
      return;
    }
    const changes = decideRollout({
      desired,
      maxSurge: resolveIntOrPercent(rolling?.maxSurge, desired, "up"),
      maxUnavailable: resolveIntOrPercent(rolling?.maxUnavailable, desired, "down"),
      current: countOf(current),
      old: old.map(countOf),
    });
    for (const set of [current, ...old]) {
      const wanted = changes.get(set.metadata.name);
      if (wanted !== undefined) this.#setReplicas(set, wanted);
    }
  }

  #setReplicas(set: ReplicaSet, replicas: number): void {
    if (set.spec.replicas === replicas) return;
    this.#store.update<ReplicaSet>(REPLICA_SET, set, (latest) => {
      latest.spec.replicas = replicas;
      latest.metadata.generation = (latest.metadata.generation ?? 1) + 1;
      return latest;
    });
  }

  #report(
    deployment: Deployment,
    current: ReplicaSet | undefined,
    old: readonly ReplicaSet[],
  ): void {
    const now = this.#timers.now();
    const { status, deadlineMs } = deploymentStatus(deployment, current, old, now);
    this.#store.update<Deployment>(DEPLOYMENT, deployment, (latest) => ({ ...latest, status }));
    if (deadlineMs === undefined) return;
    const key = objectKey(deployment);
    const timer = this.#timers.after(Math.max(0, deadlineMs - now), () => this.#queue.add(key));
    this.#deadlines.set(key, timer);
  }

  #prune(deployment: Deployment, old: readonly ReplicaSet[]): void {
    const empty = old.filter((set) => set.spec.replicas === 0 && (set.status?.replicas ?? 0) === 0);
    const surplus = empty.length - (deployment.spec.revisionHistoryLimit ?? 10);
    for (const set of empty.slice(0, Math.max(0, surplus))) this.#store.remove(REPLICA_SET, set);
  }
}

function countOf(set: ReplicaSet): ReplicaCount {
  const available = set.status?.availableReplicas ?? 0;
  return { name: set.metadata.name, wanted: set.spec.replicas ?? 0, available };
}

function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0);
}

/** Ten letters and digits that change with the pod template and with nothing else. */
function templateHash(deployment: Deployment): string {
  return createHash("sha256")
    .update(stableJson(deployment.spec.template))
    .digest("hex")
    .slice(0, 10);
}

function newReplicaSet(deployment: Deployment, hash: string, revision: string): ReplicaSet {
  const template = structuredClone(deployment.spec.template);
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  template.metadata = Object.assign(template.metadata ?? {}, { labels });
  const { name, namespace, uid } = deployment.metadata;
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      generation: 1,
      labels,
      annotations: { [REVISION]: revision },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "Deployment",
          name,
          uid: uid ?? "",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      replicas: 0,
      minReadySeconds: deployment.spec.minReadySeconds ?? 0,
      selector: Object.assign(structuredClone(deployment.spec.selector), {
        matchLabels: { ...deployment.spec.selector.matchLabels, [HASH_LABEL]: hash },
      }),
      template,
    },
  };
}
