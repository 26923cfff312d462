/**
 * Objects seen as trees of fields, the way server-side apply owns them: a path is a list of elements such as
 * `f:spec`, `f:containers`, `k:{"name":"app"}`; a leaf is a value that is owned as one.
 */
import type { FieldsV1, KubeObject } from "../objects/object.ts";
import { isRecord } from "../objects/object.ts";
import { elementType, fieldsOf, mapValueType } from "../objects/schema.ts";
import { isAtomic, itemElement, listKeysOf } from "./list-keys.ts";

/** A node: either one value, or children that are owned one by one. */
export type Branch =
  | { readonly kind: "leaf" }
  | { readonly kind: "map"; readonly children: ReadonlyMap<string, Child> }
  | {
      readonly kind: "list";
      readonly keys: readonly string[];
      readonly children: ReadonlyMap<string, Child>;
    };

export interface Child {
  /** Field name, or index in the list. */
  readonly at: string | number;
  readonly value: unknown;
  readonly type: string;
  readonly place: string;
}

/** How `value` of `type` at `place` (`Model.field`) falls apart. */
export function branchOf(value: unknown, type: string, place: string): Branch {
  const keys = listKeysOf(place);
  const element = elementType(type);
  if (keys !== undefined && element !== undefined && Array.isArray(value)) {
    const children = value.map((item: unknown, at): [string, Child] => [
      itemElement(item, keys),
      { at, value: item, type: element, place: "" },
    ]);
    return { kind: "list", keys, children: new Map(children) };
  }
  if (!isRecord(value) || isAtomic(place, type)) return { kind: "leaf" };
  const mapped = mapValueType(type);
  const fields = mapped === undefined ? fieldsOf(type) : undefined;
  if (mapped === undefined && fields === undefined) return { kind: "leaf" };
  const children = Object.entries(value)
    .filter(([, inner]) => inner !== undefined && inner !== null)
    .map(([name, inner]): [string, Child] => [
      `f:${name}`,
      {
        at: name,
        value: inner,
        type: mapped ?? fields?.get(name) ?? "any",
        place: mapped === undefined ? `${type}.${name}` : "",
      },
    ]);
  return { kind: "map", children: new Map(children) };
}

const SEPARATOR = "\u0001";

export type FieldPath = string;

export function joinPath(parent: FieldPath, element: string): FieldPath {
  return parent === "" ? element : parent + SEPARATOR + element;
}

export function parentOf(path: FieldPath): FieldPath {
  const cut = path.lastIndexOf(SEPARATOR);
  return cut < 0 ? "" : path.slice(0, cut);
}

/** `.spec.template.spec.containers[name="app"].image`, as conflicts are shown. */
export function showPath(path: FieldPath): string {
  return path
    .split(SEPARATOR)
    .map((element) => {
      if (element.startsWith("f:")) return `.${element.slice(2)}`;
      const keys = Object.entries(JSON.parse(element.slice(2)) as Record<string, unknown>);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(",")}]`;
    })
    .join("");
}

const NOT_OWNED = new Set(["f:apiVersion", "f:kind", "f:status"]);
const META_OWNED = new Set(["f:labels", "f:annotations", "f:finalizers", "f:ownerReferences"]);

/** Every owned path of an object with the JSON of its value; items of keyed lists own themselves too. */
export function ownedPaths(object: KubeObject, model: string): ReadonlyMap<FieldPath, string> {
  const found = new Map<FieldPath, string>();
  collect({ at: "", value: object, type: model, place: "" }, "", found);
  return found;
}

function collect(node: Child, path: FieldPath, found: Map<FieldPath, string>): void {
  const branch = branchOf(node.value, node.type, node.place);
  if (branch.kind === "leaf" || branch.children.size === 0) {
    found.set(path, JSON.stringify(node.value));
    return;
  }
  for (const [element, child] of branch.children) {
    if (path === "" && NOT_OWNED.has(element)) continue;
    if (path === "f:metadata" && !META_OWNED.has(element)) continue;
    const at = joinPath(path, element);
    if (branch.kind === "list") found.set(at, "item");
    collect(child, at, found);
  }
}

/** Paths to the nested form in managedFields. */
export function toFieldsV1(paths: Iterable<FieldPath>): FieldsV1 {
  const root: FieldsV1 = {};
  for (const path of paths) {
    let node = root;
    for (const element of path.split(SEPARATOR)) node = node[element] ??= {};
    if (path.split(SEPARATOR).at(-1)?.startsWith("k:") === true) node["."] = {};
  }
  return root;
}

export function fromFieldsV1(fields: FieldsV1): ReadonlySet<FieldPath> {
  const paths = new Set<FieldPath>();
  const walk = (node: FieldsV1, path: FieldPath): void => {
    const inner = Object.entries(node).filter(([element]) => element !== ".");
    if (path !== "" && (inner.length === 0 || "." in node)) paths.add(path);
    for (const [element, child] of inner) walk(child, joinPath(path, element));
  };
  walk(fields, "");
  return paths;
}
