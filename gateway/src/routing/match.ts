/** Host and path → the site they belong to; a site and a request → the replicas that may answer, or why none can. */
import type { ServingTable } from "./route-table.ts";
import { isBelow, type Site } from "./site.ts";
import { chooseTarget, stickyKey, type StickySource } from "./split.ts";

export interface NoMatch {
  readonly kind: "unknown-host" | "no-release" | "no-backend" | "starting";
}

/** A static site answers from its files. */
export interface Files {
  readonly kind: "files";
  readonly deploymentId: string;
  /** Name of its manifest in the bucket of all sites. */
  readonly manifest: string;
}

export interface Backends {
  readonly kind: "backends";
  readonly deploymentId: string;
  readonly addresses: readonly string[];
}

/**
 * `host` is lower case without a port, `target` as received. Beside the routes, `<deployment id>.<domain>` serves
 * that deployment directly: a release can be looked at before it is live. A route wins over a deployment id.
 */
export function findSite(table: ServingTable, host: string, target: string): Site | NoMatch {
  const sites = table.hosts.get(host);
  if (sites === undefined) return deploymentSite(table, host);
  const [only] = sites;
  if (sites.length === 1 && only !== undefined) return only;
  const path = pathOf(target);
  return sites.find((site) => isBelow(path, site.prefix)) ?? { kind: "unknown-host" };
}

/** `wanted` is what a policy chose: a target's name or deployment id; unknown ones are passed over. */
export function chooseBackends(
  table: ServingTable,
  site: Site,
  source: StickySource,
  wanted: string | null,
): Backends | Files | NoMatch {
  const deploymentId = releaseOf(table, site, source, wanted);
  if (deploymentId === undefined) return { kind: "no-release" };
  const files = table.backends.get(deploymentId)?.files;
  if (files !== undefined) return { kind: "files", deploymentId, manifest: files.manifest };
  const addresses = table.addresses.get(deploymentId) ?? [];
  return addresses.length === 0
    ? { kind: "no-backend" }
    : { kind: "backends", deploymentId, addresses };
}

function releaseOf(
  table: ServingTable,
  site: Site,
  source: StickySource,
  wanted: string | null,
): string | undefined {
  const { targets } = site;
  if (targets.length === 0) return table.serving.get(site.projectId);
  const chosen =
    wanted === null
      ? undefined
      : targets.find(({ name, deploymentId }) => name === wanted || deploymentId === wanted);
  return chosen?.deploymentId ?? chooseTarget(targets, stickyKey(site.stickiness, source));
}

function deploymentSite(table: ServingTable, host: string): Site | NoMatch {
  const suffix = `.${table.domain}`;
  if (!host.endsWith(suffix)) return { kind: "unknown-host" };
  return table.previews.get(host.slice(0, -suffix.length)) ?? { kind: "unknown-host" };
}

function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}
