/** `/apis/apps/v1/namespaces/shop/deployments/web/status` → what is meant. */
import { findKind, NAMESPACE } from "../objects/kinds.ts";
import type { Kind } from "../objects/kinds.ts";
import { ApiError } from "./api-error.ts";

export interface ResourcePath {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** Throws NotFound for kinds and subresources that this stand-in does not have, naming them. */
export function parseResourcePath(pathname: string): ResourcePath {
  const { groupVersion, namespace, rest } = splitPath(pathname);
  const [plural = "", name, subresource] = rest;
  const kind = findKind(groupVersion, plural);
  if (kind === undefined || rest.length > 3) {
    throw new ApiError(
      "NotFound",
      `the server could not find the requested resource: ${plural} of ${groupVersion} is not among the kinds of this stand-in`,
    );
  }
  if (subresource !== undefined && !hasSubresource(kind, subresource)) {
    throw new ApiError(
      "NotFound",
      `${kind.plural}/${subresource} is not supported by this stand-in`,
    );
  }
  if (kind.namespaced && name !== undefined && namespace === undefined) {
    throw new ApiError("NotFound", `${kind.plural} are namespaced`);
  }
  return { kind, namespace, name, subresource };
}

function splitPath(pathname: string) {
  const parts = pathname
    .split("/")
    .filter((part) => part !== "")
    .map((part) => decodePart(part));
  const isCore = parts[0] === "api";
  const groupVersion = isCore ? (parts[1] ?? "") : `${parts[1]}/${parts[2]}`;
  const rest = parts.slice(isCore ? 2 : 3);
  const isInside = rest[0] === "namespaces" && rest.length > 2 && !isNamespaceSubresource(rest);
  return isInside
    ? { groupVersion, namespace: rest[1], rest: rest.slice(2) }
    : { groupVersion, namespace: undefined, rest };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ApiError("BadRequest", "the path is not a valid URL");
  }
}

function isNamespaceSubresource(rest: readonly string[]): boolean {
  return rest.length === 3 && rest[2] !== undefined && hasSubresource(NAMESPACE, rest[2]);
}

function hasSubresource(kind: Kind, subresource: string): boolean {
  return (
    (subresource === "status" && kind.hasStatus) || (subresource === "log" && kind.kind === "Pod")
  );
}
