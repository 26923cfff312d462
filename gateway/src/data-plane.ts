/** What carries traffic in one process: the listening socket over the newest routes, backends and policies. */
import { randomBytes } from "node:crypto";
import { EMPTY_ROUTE_TABLE, type RouteTable } from "@bifrost/shared/domain/route";
import type { Timers } from "@bifrost/shared/domain/time";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";
import type { GossipEntrance } from "./proxy/gossip-entrance.ts";
import { startListener, type RunningListener } from "./proxy/listener.ts";
import type { Served } from "./proxy/served.ts";
import type { ProxyLimits } from "./proxy/services.ts";
import type { PoolLimits } from "./proxy/upstream-pool.ts";
import { Balancer } from "./routing/balancer.ts";
import {
  chooseBackends,
  findSite,
  type Backends,
  type Files,
  type NoMatch,
} from "./routing/match.ts";
import {
  emptyServingTable,
  hostsOf,
  previewsOf,
  settle,
  type ServingTable,
} from "./routing/route-table.ts";
import { sitePolicies, type ChainOf, type Site, type SitePolicies } from "./routing/site.ts";
import type { StickySource } from "./routing/split.ts";
import { type SiteReader, withoutBucket } from "./static/site-reader.ts";

export interface DataPlaneOptions {
  readonly host: string;
  readonly port: number;
  readonly domain: string;
  readonly publicScheme: "http" | "https";
  readonly upstreams: PoolLimits;
  readonly limits: ProxyLimits;
  readonly timers: Timers;
  readonly chainOf: ChainOf;
  /** Reads the files of static sites; absent = none can be served. */
  readonly sites?: SiteReader;
  /** Addresses and CIDR blocks of proxies before this one that are believed when they name their client. */
  readonly trustedProxies?: readonly string[];
  /** null = other nodes do not come in here. */
  readonly gossip: GossipEntrance | null;
  /** Is told of each request of a client once it is over. */
  readonly onServed?: (served: Served) => void;
  /** In service before the first connection is accepted; null = not heard of yet. */
  readonly first?: {
    readonly routes: RouteTable | null;
    readonly backends: BackendTable | null;
    readonly avoided: ReadonlySet<string>;
    readonly distant: ReadonlySet<string>;
  };
}

export interface DataPlane {
  readonly listener: RunningListener;
  table(): ServingTable;
  setRoutes(table: RouteTable): void;
  setBackends(table: BackendTable): void;
  /** Addresses that are tried last; replaces those told before. */
  avoid(addresses: ReadonlySet<string>): void;
  /** Addresses that are tried after the others, because they are in other regions; replaces those told before. */
  setDistant(addresses: ReadonlySet<string>): void;
  /** A policy changed: sites get their chains anew. */
  renewChains(): void;
  readiness(): { routes: boolean; backends: boolean };
  /** Lets responses under way end for at most `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export async function startDataPlane(options: DataPlaneOptions): Promise<DataPlane> {
  const { timers, gossip } = options;
  const serving = new Serving(options);
  const { routes = null, backends = null, avoided, distant } = options.first ?? {};
  if (routes !== null) serving.setRoutes(routes);
  if (backends !== null) serving.setBackends(backends);
  if (avoided !== undefined) serving.balancer.avoid(avoided);
  if (distant !== undefined) serving.balancer.setDistant(distant);
  const listener = await startListener({
    host: options.host,
    port: options.port,
    limits: options.limits,
    poolLimits: options.upstreams,
    publicScheme: options.publicScheme,
    timers,
    idPrefix: randomBytes(5).toString("hex"),
    gossip,
    findSite: (host, target) => serving.findSite(host, target),
    chooseBackends: (site, source, wanted) => serving.chooseBackends(site, source, wanted),
    sites: options.sites ?? withoutBucket(timers),
    onAttempt: (address, result) => serving.balancer.report(address, result),
    onServed: options.onServed ?? (() => undefined),
    trustedProxies: options.trustedProxies ?? [],
    randomBytes,
  });
  serving.busy = (address) => listener.pool.busy(address);
  serving.onBackends = (addresses) => listener.pool.retain(withEntrance(addresses, gossip));
  return {
    listener,
    table: () => serving.table,
    setRoutes: (table) => serving.setRoutes(table),
    setBackends: (table) => serving.setBackends(table),
    avoid: (addresses) => serving.balancer.avoid(addresses),
    setDistant: (addresses) => serving.balancer.setDistant(addresses),
    renewChains: () => serving.renewChains(),
    readiness: () => serving.readiness(),
    stop: (graceMs) => listener.stop(graceMs),
  };
}

function withEntrance(
  addresses: ReadonlySet<string>,
  gossip: GossipEntrance | null,
): ReadonlySet<string> {
  return gossip === null ? addresses : new Set([...addresses, gossip.address]);
}

/** Joins routes and backends into the table requests are matched against. */
export class Serving {
  readonly balancer: Balancer;
  table: ServingTable;
  onBackends: (addresses: ReadonlySet<string>) => void = () => undefined;
  busy: (address: string) => number = () => 0;
  private readonly chainOf: ChainOf;
  private readonly newVisitorId: () => string;
  private policies: SitePolicies;
  private routes: RouteTable | null = null;
  private backends: BackendTable | null = null;

  constructor(
    options: Pick<DataPlaneOptions, "domain" | "timers" | "chainOf">,
    newVisitorId: () => string = randomVisitorId,
  ) {
    this.table = emptyServingTable(options.domain);
    this.balancer = new Balancer({
      clock: options.timers,
      random: Math.random,
      busy: (address) => this.busy(address),
    });
    this.chainOf = options.chainOf;
    this.newVisitorId = newVisitorId;
    this.policies = sitePolicies(EMPTY_ROUTE_TABLE, this.chainOf);
  }

  findSite(host: string, target: string): Site | NoMatch {
    return this.orStarting(findSite(this.table, host, target));
  }

  chooseBackends(
    site: Site,
    source: StickySource,
    wanted: string | null,
  ): Backends | Files | NoMatch {
    const { newVisitorId } = this;
    const found = chooseBackends(this.table, site, { source, wanted, newVisitorId });
    if (found.kind === "files") return found;
    if (found.kind !== "backends") return this.orStarting(found);
    const { kind, deploymentId, newVisitor } = found;
    const addresses = this.balancer.order(deploymentId, found.addresses);
    return { kind, deploymentId, addresses, newVisitor };
  }

  setRoutes(routes: RouteTable): void {
    const before = this.routes;
    this.routes = routes;
    this.settle();
    if (before === null || !hasSamePolicies(before, routes)) this.renewChains();
    else if (before.routes !== routes.routes) this.renewHosts(before.routes);
  }

  setBackends(backends: BackendTable): void {
    this.backends = backends;
    this.settle();
    const ready = [...backends.values()].flatMap((release) => release.ready);
    const addresses = new Set(ready.map((backend) => backend.address));
    this.balancer.retain(new Set(backends.keys()), addresses);
    this.onBackends(addresses);
    this.renewPreviews(this.table.previews);
  }

  renewChains(): void {
    this.policies = sitePolicies(this.routes ?? EMPTY_ROUTE_TABLE, this.chainOf);
    this.renewHosts();
    this.renewPreviews();
  }

  readiness(): { routes: boolean; backends: boolean } {
    return { routes: this.routes !== null, backends: this.backends !== null };
  }

  /** Sites of the routes in `before` that did not change stay, when their policies did not either. */
  private renewHosts(before?: RouteTable["routes"]): void {
    const routes = this.routes ?? EMPTY_ROUTE_TABLE;
    const known = before === undefined ? undefined : { routes: before, hosts: this.table.hosts };
    const hosts = hostsOf(routes, this.table.domain, this.policies, known);
    this.table = { ...this.table, hosts };
  }

  private renewPreviews(known?: ServingTable["previews"]): void {
    const { backends, domain } = this.table;
    const previews = previewsOf(backends, domain, this.policies, known);
    this.table = { ...this.table, previews };
  }

  private settle(): void {
    this.table = settle(this.table, this.routes ?? EMPTY_ROUTE_TABLE, this.backends ?? new Map());
  }

  /** Until both first tables arrived "unknown" only means "not heard of yet". */
  private orStarting<T extends Site | NoMatch>(found: T): T | NoMatch {
    const isSynced = this.routes !== null && this.backends !== null;
    return isSynced || found.kind === "site" ? found : { kind: "starting" };
  }
}

function randomVisitorId(): string {
  return randomBytes(12).toString("base64url");
}

/** The source of routes keeps what did not change as the same object. */
function hasSamePolicies(one: RouteTable, other: RouteTable): boolean {
  return (
    one.projectPolicies === other.projectPolicies && one.platformPolicies === other.platformPolicies
  );
}
