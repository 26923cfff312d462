/** Server-side apply as pure functions: merge, conflicts, removal of what a manager no longer names. */
import type { KubeObject, ManagedFields } from "../objects/object.ts";
import {
  branchOf,
  fromFieldsV1,
  joinPath,
  ownedPaths,
  parentOf,
  showPath,
  toFieldsV1,
} from "./field-tree.ts";
import type { Child, FieldPath } from "./field-tree.ts";

export interface Conflict {
  readonly manager: string;
  readonly field: string;
}

export interface ApplyRequest {
  readonly live: KubeObject | undefined;
  readonly applied: KubeObject;
  readonly manager: string;
  readonly force: boolean;
  /** Class of the client library that describes the kind. */
  readonly model: string;
  readonly time: string;
}

export type ApplyResult =
  | { readonly object: KubeObject; readonly conflicts?: never }
  | { readonly conflicts: readonly Conflict[]; readonly object?: never };

/** What the object becomes, or the fields other managers hold with another value. */
export function apply(request: ApplyRequest): ApplyResult {
  const { live, applied, manager, model } = request;
  const entries = live?.metadata.managedFields ?? [];
  const mine = ownedPaths(applied, model);
  const others = entries.filter((entry) => !isOwn(entry, manager));
  const liveValues = live === undefined ? new Map<string, string>() : ownedPaths(live, model);
  const contested = [...mine.keys()].filter(
    (path) => liveValues.has(path) && liveValues.get(path) !== mine.get(path),
  );
  const conflicts = others.flatMap((entry) => {
    const owned = fromFieldsV1(entry.fieldsV1);
    return contested
      .filter((path) => owned.has(path))
      .map((path) => ({ manager: entry.manager, field: showPath(path) }));
  });
  if (conflicts.length > 0 && !request.force) return { conflicts };

  const lost = new Set(contested);
  const kept = others
    .map((entry) => withoutPaths(entry, lost))
    .filter((entry) => entry !== undefined);
  const before = new Set(
    entries
      .filter((entry) => isOwn(entry, manager))
      .flatMap((entry) => [...fromFieldsV1(entry.fieldsV1)]),
  );
  const merged = live === undefined ? structuredClone(applied) : mergeObject(live, applied, model);
  const stillOwned = new Set([
    ...mine.keys(),
    ...kept.flatMap((entry) => [...fromFieldsV1(entry.fieldsV1)]),
  ]);
  const object = removePaths(merged, model, droppedPaths(before, stillOwned));
  object.metadata.managedFields = [...kept, entryOf(request, mine.keys())];
  return { object };
}

/** Ownership after a plain write: what changed belongs to the writer, what vanished to nobody. */
export function trackUpdate(
  before: KubeObject | undefined,
  after: KubeObject,
  writer: { readonly manager: string; readonly model: string; readonly time: string },
): ManagedFields[] {
  const old = before === undefined ? new Map<string, string>() : ownedPaths(before, writer.model);
  const now = ownedPaths(after, writer.model);
  const changed = new Set([...now.keys()].filter((path) => old.get(path) !== now.get(path)));
  const gone = new Set([...old.keys()].filter((path) => !now.has(path)));
  const entries = before?.metadata.managedFields ?? [];
  if (changed.size === 0 && gone.size === 0) return entries;
  const isWriter = (entry: ManagedFields): boolean =>
    entry.manager === writer.manager && entry.operation === "Update";
  const own = entries
    .filter(isWriter)
    .flatMap((entry) => [...fromFieldsV1(entry.fieldsV1)])
    .filter((path) => !gone.has(path));
  const kept = entries
    .filter((entry) => !isWriter(entry))
    .map((entry) => withoutPaths(entry, new Set([...changed, ...gone])))
    .filter((entry) => entry !== undefined);
  const paths = new Set([...own, ...changed]);
  if (paths.size === 0) return kept;
  return [
    ...kept,
    {
      manager: writer.manager,
      operation: "Update",
      apiVersion: after.apiVersion,
      time: writer.time,
      fieldsType: "FieldsV1",
      fieldsV1: toFieldsV1(paths),
    },
  ];
}

function isOwn(entry: ManagedFields, manager: string): boolean {
  return entry.manager === manager && entry.operation === "Apply";
}

function entryOf(request: ApplyRequest, paths: Iterable<FieldPath>): ManagedFields {
  return {
    manager: request.manager,
    operation: "Apply",
    apiVersion: request.applied.apiVersion,
    time: request.time,
    fieldsType: "FieldsV1",
    fieldsV1: toFieldsV1(paths),
  };
}

function withoutPaths(
  entry: ManagedFields,
  lost: ReadonlySet<FieldPath>,
): ManagedFields | undefined {
  const owned = [...fromFieldsV1(entry.fieldsV1)];
  // An item as such may have several owners; only its values can be lost.
  const left = owned.filter((path) => !lost.has(path));
  if (left.length === owned.length) return entry;
  return left.length === 0 ? undefined : { ...entry, fieldsV1: toFieldsV1(left) };
}

function mergeObject(live: KubeObject, applied: KubeObject, model: string): KubeObject {
  const merged = mergeValue(
    { at: "", value: live, type: model, place: "" },
    { at: "", value: applied, type: model, place: "" },
  ) as KubeObject;
  if (live.status === undefined) delete merged.status;
  else merged.status = structuredClone(live.status);
  return merged;
}

function mergeValue(live: Child, applied: Child): unknown {
  const from = branchOf(live.value, live.type, live.place);
  const to = branchOf(applied.value, applied.type, applied.place);
  if (from.kind === "map" && to.kind === "map") {
    const merged = structuredClone(live.value) as Record<string, unknown>;
    for (const [element, child] of to.children) {
      const old = from.children.get(element);
      merged[String(child.at)] =
        old === undefined ? structuredClone(child.value) : mergeValue(old, child);
    }
    return merged;
  }
  if (from.kind === "list" && to.kind === "list") {
    // Items of the applied list come in its order; those only others know follow.
    const named = [...to.children].map(([element, child]) => {
      const old = from.children.get(element);
      return old === undefined ? structuredClone(child.value) : mergeValue(old, child);
    });
    const rest = [...from.children].filter(([element]) => !to.children.has(element));
    return [...named, ...rest.map(([, child]) => structuredClone(child.value))];
  }
  return structuredClone(applied.value);
}

/** Owned before, named by nobody now. An item goes only when nothing inside it is owned any more. */
function droppedPaths(
  before: ReadonlySet<FieldPath>,
  owned: ReadonlySet<FieldPath>,
): ReadonlySet<FieldPath> {
  const occupied = new Set<FieldPath>();
  for (const path of owned) {
    for (let at = path; at !== ""; at = parentOf(at)) occupied.add(at);
  }
  return new Set([...before].filter((path) => !occupied.has(path)));
}

function removePaths(
  object: KubeObject,
  model: string,
  dropped: ReadonlySet<FieldPath>,
): KubeObject {
  if (dropped.size === 0) return object;
  const parents = new Set<FieldPath>();
  for (const path of dropped) {
    for (let at = parentOf(path); at !== ""; at = parentOf(at)) parents.add(at);
  }
  const prune = (node: Child, path: FieldPath): unknown => {
    const branch = branchOf(node.value, node.type, node.place);
    if (branch.kind === "leaf") return node.value;
    const left: [Child, unknown][] = [];
    for (const [element, child] of branch.children) {
      const at = joinPath(path, element);
      if (dropped.has(at)) continue;
      const value = parents.has(at) ? prune(child, at) : child.value;
      if (value !== undefined) left.push([child, value]);
    }
    // What held nothing but dropped fields goes with them.
    if (left.length === 0 && branch.children.size > 0 && path !== "") return undefined;
    if (branch.kind === "list") return left.map(([, value]) => value);
    return Object.fromEntries(left.map(([child, value]) => [child.at, value]));
  };
  return prune({ at: "", value: object, type: model, place: "" }, "") as KubeObject;
}
