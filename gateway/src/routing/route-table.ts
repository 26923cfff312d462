/**
 * What the gateway serves at this moment. A project moves to a new live release only once that release has a
 * ready replica; until then the one before it goes on serving, so no request falls between two releases. Should all
 * replicas of the live release fail while those of the one before still run, that one serves again meanwhile.
 */
import * as v from "valibot";
import { RouteSchema, type RouteTable } from "@bifrost/shared/domain/route";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";
import { type Site, type SitePolicies, sitesOf } from "./site.ts";

export interface ServingTable {
  /** By host name, longest prefix first. */
  readonly hosts: ReadonlyMap<string, readonly Site[]>;
  /** Deployment that serves each project's live traffic now. */
  readonly serving: ReadonlyMap<string, string>;
  readonly backends: BackendTable;
  /** Of the ready replicas, by deployment id. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** What `<deployment id>.<domain>` serves, by deployment id. */
  readonly previews: ReadonlyMap<string, Site>;
  readonly domain: string;
}

export function emptyServingTable(domain: string): ServingTable {
  return {
    hosts: new Map(),
    serving: new Map(),
    backends: new Map(),
    addresses: new Map(),
    previews: new Map(),
    domain,
  };
}

/** The next table, from what was served and what is now known of backends. */
export function settle(
  previous: ServingTable,
  table: RouteTable,
  backends: BackendTable,
): ServingTable {
  const serving = new Map<string, string>();
  for (const [projectId, wanted] of table.live) {
    const current = previous.serving.get(projectId);
    const former = table.former.get(projectId);
    const serves = [wanted, current, former].find((id) => isReady(backends, id)) ?? wanted;
    serving.set(projectId, serves);
  }
  const addresses = new Map(
    [...backends].map(([id, { ready }]) => [id, ready.map((backend) => backend.address)]),
  );
  return { ...previous, serving, backends, addresses };
}

/** Needed again when routes change or a policy does; not for every change of backends. */
export function hostsOf(
  table: RouteTable,
  domain: string,
  policies: SitePolicies,
): ServingTable["hosts"] {
  const hosts = new Map<string, readonly Site[]>();
  for (const [host, route] of table.routes) {
    const name = host.replace(/:\d+$/, "");
    const full = name.includes(".") ? name : `${name}.${domain}`;
    hosts.set(full, sitesOf({ ...route, host: full }, policies));
  }
  return hosts;
}

/** Sites of single deployments: the policies of their project hold there too. */
export function previewsOf(
  backends: BackendTable,
  domain: string,
  policies: SitePolicies,
): ServingTable["previews"] {
  const previews = new Map<string, Site>();
  for (const [deploymentId, { projectId, files }] of backends) {
    const target = { deploymentId, weight: 1 };
    const route = v.parse(RouteSchema, { host: `${deploymentId}.${domain}`, projectId: "-" });
    const [site] = sitesOf({ ...route, projectId, targets: [target] }, policies);
    const probeToken = files?.probeToken ?? null;
    if (site !== undefined) previews.set(deploymentId, { ...site, probeToken });
  }
  return previews;
}

function isReady(backends: BackendTable, deploymentId: string | undefined): deploymentId is string {
  const release = deploymentId === undefined ? undefined : backends.get(deploymentId);
  return release !== undefined && (release.ready.length > 0 || release.files !== undefined);
}
