/** Which operation of the distribution protocol a path names. */
import { RegistryError } from "./registry-error.ts";

const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const MAX_NAME = 255;

export type Route =
  | { readonly kind: "ping" }
  | { readonly kind: "uploads"; readonly repository: string }
  | { readonly kind: "upload"; readonly repository: string; readonly id: string }
  | { readonly kind: "blob"; readonly repository: string; readonly digest: string }
  | { readonly kind: "manifest"; readonly repository: string; readonly reference: string }
  | { readonly kind: "tags"; readonly repository: string };

const SHAPES = [
  ["tags", /^(.+)\/tags\/list$/],
  ["uploads", /^(.+)\/blobs\/uploads\/?$/],
  ["upload", /^(.+)\/blobs\/uploads\/([^/]+)$/],
  ["blob", /^(.+)\/blobs\/([^/]+)$/],
  ["manifest", /^(.+)\/manifests\/([^/]+)$/],
] as const;

/** Throws UNSUPPORTED for a path outside the implemented subset and NAME_INVALID for a bad repository name. */
export function parseRoute(path: string): Route {
  if (path === "/v2" || path === "/v2/") return { kind: "ping" };
  const rest = path.startsWith("/v2/") ? path.slice("/v2/".length) : "";
  for (const [kind, shape] of SHAPES) {
    const match = shape.exec(rest);
    if (match === null) continue;
    return routeOf(kind, repositoryName(match[1] ?? ""), (match[2] ?? "").replace(/%3a/i, ":"));
  }
  throw new RegistryError("UNSUPPORTED", `${path.slice(0, 200)} is not served by this registry`);
}

function routeOf(kind: (typeof SHAPES)[number][0], repository: string, last: string): Route {
  switch (kind) {
    case "tags":
    case "uploads":
      return { kind, repository };
    case "upload":
      return { kind, repository, id: last };
    case "blob":
      return { kind, repository, digest: last };
    case "manifest":
      break;
  }
  return { kind, repository, reference: last };
}

function repositoryName(name: string): string {
  if (name.length <= MAX_NAME && NAME.test(name)) return name;
  throw new RegistryError("NAME_INVALID", `"${name.slice(0, 260)}" is not a repository name`);
}
