/** Host and path → the site they belong to; a site and a request → the replicas that may answer, or why none can. */
import { isBelow, isPlainPath, literalPath, matchPath } from "@bifrost/shared/domain/match-path";
import { LIVE_TARGET, type RouteTarget } from "@bifrost/shared/domain/route";
import type { ServingTable } from "./route-table.ts";
import type { Site } from "./site.ts";
import { chooseTarget, stickyKey, type StickySource } from "./split.ts";

export interface NoMatch {
  readonly kind: "unknown-host" | "no-release" | "no-backend" | "starting" | "ambiguous-path";
}

/** A static site answers from its files. */
export interface Files {
  readonly kind: "files";
  readonly deploymentId: string;
  /** Name of its manifest in the bucket of all sites. */
  readonly manifest: string;
  readonly newVisitor: Backends["newVisitor"];
}

export interface Backends {
  readonly kind: "backends";
  readonly deploymentId: string;
  readonly addresses: readonly string[];
  /** What this visitor is to be known by from now on; null = known already, or by something else than a cookie. */
  readonly newVisitor: string | null;
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
  return siteAt(sites, pathOf(target)) ?? { kind: "ambiguous-path" };
}

/**
 * The site of the path's normal form. undefined when there is none, and when an app that reads the path literally would
 * take it for something below another prefix, whose policies it would then have escaped.
 */
function siteAt(sites: readonly Site[], path: string): Site | undefined {
  if (isPlainPath(path)) return siteOf(sites, path);
  const normal = matchPath(path);
  if (normal === null) return undefined;
  const site = siteOf(sites, normal);
  const literal = siteOf(sites, literalPath(path));
  return literal === site || literal?.prefix === "/" ? site : undefined;
}

function siteOf(sites: readonly Site[], path: string): Site | undefined {
  return sites.find((site) => isBelow(path, site.prefix));
}

/** What chooses among the releases of a site, beside the site itself. */
export interface Choice {
  readonly source: StickySource;
  /** A target's name or deployment id that a policy chose; null or unknown: by weight. */
  readonly wanted: string | null;
  readonly newVisitorId: () => string;
}

/** A target without a ready replica leaves its share to the others. */
export function chooseBackends(
  table: ServingTable,
  site: Site,
  choice: Choice,
): Backends | Files | NoMatch {
  const { targets, stickiness } = site;
  if (targets.length === 0) return backendsOf(table, table.serving.get(site.projectId), null);
  const canServe = (target: RouteTarget): boolean => isReady(table, site, target);
  const named = wantedAmong(targets, choice.wanted);
  if (named !== undefined && canServe(named)) {
    return backendsOf(table, releaseOf(table, site, named), null);
  }
  const weighted = targets.filter(({ weight }) => weight > 0).length;
  if (weighted === 0) return { kind: "no-release" };
  const known = stickyKey(stickiness, choice.source);
  const isNew = known === undefined && stickiness.by === "cookie" && weighted > 1;
  const newVisitor = isNew ? choice.newVisitorId() : null;
  const chosen = chooseTarget(targets, known ?? newVisitor ?? choice.source.ip, canServe);
  if (chosen === undefined) return { kind: "no-backend" };
  return backendsOf(table, releaseOf(table, site, chosen), newVisitor);
}

function wantedAmong(
  targets: readonly RouteTarget[],
  wanted: string | null,
): RouteTarget | undefined {
  if (wanted === null) return undefined;
  return targets.find(({ name, deploymentId }) => name === wanted || deploymentId === wanted);
}

function releaseOf(table: ServingTable, site: Site, target: RouteTarget): string | undefined {
  const { deploymentId } = target;
  return deploymentId === LIVE_TARGET ? table.serving.get(site.projectId) : deploymentId;
}

/** A release of another project is never served, whatever a route says. */
function isReady(table: ServingTable, site: Site, target: RouteTarget): boolean {
  const release = table.backends.get(releaseOf(table, site, target) ?? "");
  if (release === undefined || release.projectId !== site.projectId) return false;
  return release.ready.length > 0 || release.files !== undefined;
}

function backendsOf(
  table: ServingTable,
  deploymentId: string | undefined,
  newVisitor: string | null,
): Backends | Files | NoMatch {
  if (deploymentId === undefined) return { kind: "no-release" };
  const files = table.backends.get(deploymentId)?.files;
  if (files !== undefined)
    return { kind: "files", deploymentId, manifest: files.manifest, newVisitor };
  const addresses = table.addresses.get(deploymentId) ?? [];
  return addresses.length === 0
    ? { kind: "no-backend" }
    : { kind: "backends", deploymentId, addresses, newVisitor };
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
