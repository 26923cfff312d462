/** Create, replace, patch, apply and delete on the store, with the checks the real API server makes. */
import { randomUUID } from "node:crypto";
import type { Clock } from "@bifrost/shared/domain/time";
import { kindOfObject, NAMESPACE, POD } from "../objects/kinds.ts";
import type { Kind } from "../objects/kinds.ts";
import { withDefaults } from "../objects/defaults.ts";
import { isRecord, kubeTime } from "../objects/object.ts";
import type { KubeObject } from "../objects/object.ts";
import { checkStructure } from "../objects/schema.ts";
import { validateObject } from "../objects/validate.ts";
import { ApiError } from "./api-error.ts";
import { shapeBody } from "./shape-body.ts";
import { apply, trackUpdate } from "./apply.ts";
import { stableJson } from "./object-store.ts";
import type { ObjectStore } from "./object-store.ts";

export interface Target {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly subresource: string | undefined;
}

export interface WriteOptions {
  readonly manager: string;
  readonly force: boolean;
  readonly dryRun: boolean;
}

export interface DeleteOptions {
  readonly propagation: "Background" | "Foreground" | "Orphan";
  readonly graceSeconds: number | undefined;
  readonly dryRun: boolean;
}

export interface Written {
  readonly object: KubeObject;
  readonly created: boolean;
}

const FOREGROUND = "foregroundDeletion";
const SUFFIX_LENGTH = 5;

export class Resources {
  readonly #store: ObjectStore;
  readonly #clock: Clock;

  constructor(store: ObjectStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  read(target: Target): KubeObject {
    const { kind, namespace, name } = target;
    const found = this.#store.get(kind, namespace, name);
    if (found === undefined) throw notFound(kind, name);
    return found;
  }

  create(kind: Kind, namespace: string | undefined, body: unknown, options: WriteOptions): Written {
    const given = shapeBody(kind, namespace, body);
    const prefix = given.metadata.generateName;
    if (given.metadata.name === "" && prefix !== undefined) {
      given.metadata.name = prefix + randomUUID().slice(0, SUFFIX_LENGTH);
    }
    const { name } = given.metadata;
    if (this.#store.get(kind, namespace, name) !== undefined) {
      throw new ApiError("AlreadyExists", `${plural(kind)} "${name}" already exists`);
    }
    if (kind.hasStatus) delete given.status;
    const object = this.#finish(kind, given, undefined);
    object.metadata.managedFields = trackUpdate(undefined, object, this.#writer(kind, options));
    return { object: this.#save(kind, object, options), created: true };
  }

  replace(target: Target, body: unknown, options: WriteOptions): Written {
    const live = this.read(target);
    const given = shapeBody(target.kind, target.namespace, body, target.name);
    this.#checkVersion(target, live, given.metadata.resourceVersion);
    return { object: this.#write(target, live, given, options), created: false };
  }

  /** RFC 7386: null removes, lists are replaced whole. */
  mergePatch(target: Target, body: unknown, options: WriteOptions): Written {
    const live = this.read(target);
    if (!isRecord(body)) throw new ApiError("BadRequest", "the patch must be an object");
    const given = mergeJson(live, body) as KubeObject;
    const { resourceVersion } = (body["metadata"] ?? {}) as { resourceVersion?: string };
    this.#checkVersion(target, live, resourceVersion);
    return { object: this.#write(target, live, given, options), created: false };
  }

  apply(target: Target, body: unknown, options: WriteOptions): Written {
    const { kind, namespace, name } = target;
    if (target.subresource !== undefined) {
      throw new ApiError("NotImplemented", `apply to ${target.subresource} is not supported here`);
    }
    const applied = shapeBody(kind, namespace, body, name);
    if (kind.hasStatus) delete applied.status;
    // Only the merged object must be complete; what is applied may be a part of one.
    this.#refuse(kind, name, checkStructure(applied, kind.model));
    const live = this.#store.get(kind, namespace, name);
    const result = apply({
      live,
      // `stringData` is written, never stored: only its encoded form can be owned.
      applied: applied.kind === "Secret" ? withDefaults(applied) : applied,
      manager: options.manager,
      force: options.force,
      model: kind.model,
      time: kubeTime(this.#clock.now()),
    });
    if (result.conflicts !== undefined) {
      const causes = result.conflicts.map(({ manager, field }) => ({
        reason: "FieldManagerConflict",
        message: `conflict with "${manager}"`,
        field,
      }));
      const shown = causes.map((cause) => `${cause.message}: ${cause.field}`).join(", ");
      throw new ApiError(
        "Conflict",
        `Apply failed with ${causes.length} conflict${causes.length === 1 ? "" : "s"}: ${shown}`,
        causes,
      );
    }
    const object = this.#finish(kind, result.object, live);
    // Re-applying what already is changes nothing, not even the time of ownership.
    if (live !== undefined && isUnchanged(live, object)) return { object: live, created: false };
    return { object: this.#save(kind, object, options), created: live === undefined };
  }

  /** Returns the object as it is now: gone, or marked and waiting for its dependents or its kubelet. */
  delete(target: Target, options: DeleteOptions): KubeObject {
    const live = this.read(target);
    if (options.dryRun) return live;
    const { kind } = target;
    if (options.propagation === "Orphan") this.#orphan(live);
    const seconds = kind === POD ? graceOf(live, options.graceSeconds) : 0;
    const waits = kind === NAMESPACE || kind === POD || (live.metadata.finalizers ?? []).length > 0;
    if (!waits && options.propagation !== "Foreground") {
      this.#store.remove(kind, live);
      return live;
    }
    const marked = this.#store.update(kind, live, (current) => {
      const { metadata } = current;
      metadata.deletionTimestamp ??= kubeTime(this.#clock.now() + seconds * 1000);
      metadata.deletionGracePeriodSeconds = Math.min(
        seconds,
        metadata.deletionGracePeriodSeconds ?? seconds,
      );
      if (options.propagation === "Foreground" && kind !== POD && kind !== NAMESPACE) {
        metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), FOREGROUND])];
      }
      if (kind === NAMESPACE) current.status = { phase: "Terminating" };
      return current;
    });
    return marked ?? live;
  }

  #write(target: Target, live: KubeObject, given: KubeObject, options: WriteOptions): KubeObject {
    const { kind, subresource } = target;
    const next = structuredClone(subresource === "status" ? live : given);
    if (subresource === "status") next.status = given.status;
    else if (kind.hasStatus) restore(next, live);
    next.metadata = { ...next.metadata, ...serverMetadata(live) };
    const object = this.#finish(kind, next, live);
    if (subresource === undefined) {
      object.metadata.managedFields = trackUpdate(live, object, this.#writer(kind, options));
    }
    if (options.dryRun) return object;
    const saved = this.#save(kind, object, options);
    const isFree = (saved.metadata.finalizers ?? []).length === 0;
    if (
      saved.metadata.deletionTimestamp !== undefined &&
      isFree &&
      kind !== POD &&
      kind !== NAMESPACE
    ) {
      this.#store.remove(kind, saved);
    }
    return saved;
  }

  #finish(kind: Kind, given: KubeObject, live: KubeObject | undefined): KubeObject {
    this.#refuse(kind, given.metadata.name, validateObject(given, kind.model));
    const object = withDefaults(given);
    if (live === undefined) this.#checkNamespace(kind, object);
    if (live === undefined && kind === NAMESPACE) object.status = { phase: "Active" };
    const { generation = 1 } = live?.metadata ?? {};
    const isNew = live !== undefined && stableJson(live.spec) !== stableJson(object.spec);
    if (object.spec !== undefined) object.metadata.generation = isNew ? generation + 1 : generation;
    if (live === undefined) {
      for (const field of [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
      ] as const) {
        delete object.metadata[field];
      }
    }
    return object;
  }

  #checkNamespace(kind: Kind, object: KubeObject): void {
    const { namespace } = object.metadata;
    if (!kind.namespaced || namespace === undefined) return;
    const found = this.#store.get(NAMESPACE, undefined, namespace);
    if (found === undefined) throw notFound(NAMESPACE, namespace);
    if (found.metadata.deletionTimestamp !== undefined) {
      throw new ApiError(
        "Forbidden",
        `${plural(kind)} "${object.metadata.name}" is forbidden: namespace ${namespace} is being terminated`,
      );
    }
  }

  #refuse(kind: Kind, name: string, problems: readonly string[]): void {
    if (problems.length === 0) return;
    const causes = problems.map((message) => ({ reason: "FieldValueInvalid", message }));
    throw new ApiError(
      "Invalid",
      `${kind.kind} "${name}" is invalid: ${problems.join("; ")}`,
      causes,
    );
  }

  #checkVersion(target: Target, live: KubeObject, version: string | undefined): void {
    if (version === undefined || version === live.metadata.resourceVersion) return;
    throw new ApiError(
      "Conflict",
      `Operation cannot be fulfilled on ${plural(target.kind)} "${target.name}": the object has been modified; please apply your changes to the latest version and try again`,
    );
  }

  #save(kind: Kind, object: KubeObject, options: WriteOptions): KubeObject {
    return options.dryRun ? object : this.#store.put(kind, object);
  }

  #writer(kind: Kind, options: WriteOptions) {
    return { manager: options.manager, model: kind.model, time: kubeTime(this.#clock.now()) };
  }

  #orphan(owner: KubeObject): void {
    for (const object of this.#store.all()) {
      const references = object.metadata.ownerReferences ?? [];
      const left = references.filter((reference) => reference.uid !== owner.metadata.uid);
      if (left.length === references.length) continue;
      const next = structuredClone(object);
      next.metadata.ownerReferences = left;
      const kind = kindOfObject(object.apiVersion, object.kind);
      if (kind !== undefined) this.#store.put(kind, next);
    }
  }
}

function notFound(kind: Kind, name: string): ApiError {
  return new ApiError("NotFound", `${plural(kind)} "${name}" not found`);
}

function plural(kind: Kind): string {
  return kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
}

function graceOf(pod: KubeObject, asked: number | undefined): number {
  const spec = pod.spec as { terminationGracePeriodSeconds?: number } | undefined;
  return asked ?? spec?.terminationGracePeriodSeconds ?? 30;
}

function restore(next: KubeObject, live: KubeObject): void {
  if (live.status === undefined) delete next.status;
  else next.status = live.status;
}

function serverMetadata(live: KubeObject): Partial<KubeObject["metadata"]> {
  const { uid, creationTimestamp, deletionTimestamp, managedFields, generation } = live.metadata;
  return Object.fromEntries(
    Object.entries({ uid, creationTimestamp, deletionTimestamp, managedFields, generation }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

function isUnchanged(live: KubeObject, next: KubeObject): boolean {
  return timeless(live) === timeless(next);
}

/** Without what changes by itself on every write. */
function timeless(object: KubeObject): string {
  const managedFields = object.metadata.managedFields?.map((entry) => ({ ...entry, time: "" }));
  const metadata = { ...object.metadata, managedFields, resourceVersion: "" };
  return stableJson({ ...object, metadata });
}

function mergeJson(base: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return structuredClone(patch);
  const merged: Record<string, unknown> = isRecord(base) ? structuredClone(base) : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergeJson(merged[name], value);
  }
  return merged;
}
