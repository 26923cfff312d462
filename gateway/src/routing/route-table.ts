/**
 * What the gateway serves at this moment. A project moves to a new live release only once that release has a
 * ready replica; until then the one before it goes on serving, so no request falls between two releases. Should all
 * replicas of the live release fail while those of the one before still run, that one serves again meanwhile.
 */
import type { RouteTable } from "@bifrost/shared/domain/route";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";
import { previewSite, type Site, type SitePolicies, sitesOf } from "./site.ts";

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

/** What a table of hosts was made from: routes that are the same object there keep their sites. */
export interface KnownHosts {
  readonly routes: RouteTable["routes"];
  readonly hosts: ServingTable["hosts"];
}

const NOTHING_KNOWN: KnownHosts = { routes: new Map(), hosts: new Map() };

/** Needed again when routes change or a policy does, and then without `known`; not for every change of backends. */
export function hostsOf(
  { routes }: Pick<RouteTable, "routes">,
  domain: string,
  policies: SitePolicies,
  known = NOTHING_KNOWN,
): ServingTable["hosts"] {
  const hosts = new Map<string, readonly Site[]>();
  for (const [host, route] of routes) {
    const full = fullName(host, domain);
    const same = known.routes.get(host) === route ? known.hosts.get(full) : undefined;
    hosts.set(full, same ?? sitesOf({ ...route, host: full }, policies));
  }
  return hosts;
}

/** Sites of single deployments; those in `known` were made under the same policies. */
export function previewsOf(
  backends: BackendTable,
  domain: string,
  policies: SitePolicies,
  known: ServingTable["previews"] = new Map(),
): ServingTable["previews"] {
  const previews = new Map<string, Site>();
  for (const [deploymentId, { projectId, files }] of backends) {
    const before = known.get(deploymentId);
    const probeToken = files?.probeToken ?? null;
    const site =
      before?.projectId === projectId && before.probeToken === probeToken
        ? before
        : { ...previewSite(deploymentId, projectId, domain, policies), probeToken };
    previews.set(deploymentId, site);
  }
  return previews;
}

function fullName(host: string, domain: string): string {
  const name = host.replace(/:\d+$/, "");
  return name.includes(".") ? name : `${name}.${domain}`;
}

function isReady(backends: BackendTable, deploymentId: string | undefined): deploymentId is string {
  const release = deploymentId === undefined ? undefined : backends.get(deploymentId);
  return release !== undefined && (release.ready.length > 0 || release.files !== undefined);
}
