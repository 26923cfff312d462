/** What `kubectl` and generic clients ask first: versions, groups and the resources of each. */
import { groupVersionOf, KINDS } from "../objects/kinds.ts";

export const SERVER_VERSION = {
  major: "1",
  minor: "33",
  gitVersion: "v1.33.0-bifrost",
  gitCommit: "",
  platform: "bifrost/stand-in",
} as const;

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** The answer to a discovery path, or undefined when the path is something else. */
export function discoveryAnswer(pathname: string): unknown {
  if (pathname === "/version") return SERVER_VERSION;
  if (pathname === "/api") return { kind: "APIVersions", versions: ["v1"] };
  if (pathname === "/apis") {
    return { kind: "APIGroupList", apiVersion: "v1", groups: groupNames().map(groupAnswer) };
  }
  const [root, group = "", version, ...more] = pathname.split("/").filter((part) => part !== "");
  if (more.length > 0) return undefined;
  if (root === "api") return version === undefined ? resourceList(group) : undefined;
  if (root !== "apis") return undefined;
  if (version !== undefined) return resourceList(`${group}/${version}`);
  if (!groupNames().includes(group)) return undefined;
  return { kind: "APIGroup", apiVersion: "v1", ...groupAnswer(group) };
}

function groupNames(): readonly string[] {
  return [...new Set(KINDS.map((kind) => kind.group).filter((group) => group !== ""))];
}

function groupAnswer(name: string) {
  const versions = KINDS.filter((kind) => kind.group === name).map((kind) => kind.version);
  const found = [...new Set(versions)].map((version) => ({
    groupVersion: `${name}/${version}`,
    version,
  }));
  return { name, versions: found, preferredVersion: found[0] };
}

function resourceList(groupVersion: string): unknown {
  const kinds = KINDS.filter((kind) => groupVersionOf(kind) === groupVersion);
  if (kinds.length === 0) return undefined;
  const resources = kinds.flatMap((kind) => {
    const { plural, shortNames, namespaced } = kind;
    const base = { singularName: kind.kind.toLowerCase(), namespaced, kind: kind.kind };
    const status = { ...base, name: `${plural}/status`, verbs: ["get", "patch", "update"] };
    return [
      { ...base, name: plural, shortNames, verbs: VERBS },
      ...(kind.hasStatus ? [status] : []),
    ];
  });
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources };
}
