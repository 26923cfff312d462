/** One gateway process: data plane, control API and collector over what its sources tell. */
import { randomBytes } from "node:crypto";
import type { Timers } from "@bifrost/shared/domain/time";
import { EMPTY_ROUTE_TABLE, type RouteTable } from "@bifrost/shared/domain/route";
import type { BackendSource, BackendTable } from "@bifrost/shared/ports/backend-source";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";
import type { RouteSource } from "@bifrost/shared/ports/route-source";
import { healthRoutes } from "./control/health.ts";
import { metricsRoutes } from "./control/metrics.ts";
import { routeRoutes } from "./control/routes.ts";
import { startControl } from "./control/server.ts";
import { telemetryRoutes } from "./control/telemetry.ts";
import { startListener, type RunningListener } from "./proxy/listener.ts";
import { DEFAULT_PROXY_LIMITS, type ProxyLimits } from "./proxy/services.ts";
import type { PoolLimits } from "./proxy/upstream-pool.ts";
import { Balancer } from "./routing/balancer.ts";
import { matchHost, type Match } from "./routing/match.ts";
import { emptyServingTable, settle, type ServingTable } from "./routing/route-table.ts";
import { Collector } from "./telemetry/collector.ts";

export interface GatewaySettings {
  readonly host: string;
  readonly port: number;
  readonly controlHost: string;
  readonly controlPort: number;
  /** Hosts are `<slug>.<domain>`. */
  readonly domain: string;
  readonly publicScheme: "http" | "https";
  readonly telemetrySecret: string;
  readonly upstreams: PoolLimits;
}

export interface GatewayDeps {
  readonly settings: GatewaySettings;
  readonly routes: RouteSource;
  readonly backends: BackendSource;
  /** null = samples are collected but stored nowhere. */
  readonly replicas: ReplicaStore | null;
  readonly timers: Timers;
  readonly log: Logger;
  /** Replaces single limits; for tests. */
  readonly limits?: Partial<ProxyLimits>;
}

export interface RunningGateway {
  readonly port: number;
  readonly controlPort: number;
  readonly collector: Collector;
  readonly listener: RunningListener;
  table(): ServingTable;
  /** Lets responses under way end for at most `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export async function startGateway(deps: GatewayDeps): Promise<RunningGateway> {
  const { settings, timers, log } = deps;
  const serving = new Serving(settings.domain, new Balancer(timers));
  const collector = new Collector({ store: deps.replicas, timers, log });
  const listener = await startListener({
    host: settings.host,
    port: settings.port,
    limits: { ...DEFAULT_PROXY_LIMITS, ...deps.limits },
    poolLimits: settings.upstreams,
    publicScheme: settings.publicScheme,
    timers,
    idPrefix: randomBytes(5).toString("hex"),
    match: (host, clientIp) => serving.match(host, clientIp),
    onRefused: (address) => serving.balancer.refused(address),
  });
  serving.onBackends = (addresses) => listener.pool.retain(addresses);
  const stopSources = [
    deps.routes.watch((table) => serving.setRoutes(table)),
    deps.backends.watch((table) => serving.setBackends(table)),
  ];
  const control = await startControl({
    host: settings.controlHost,
    port: settings.controlPort,
    log,
    routers: [
      { path: "/", app: healthRoutes(() => serving.readiness()) },
      { path: "/", app: routeRoutes(() => serving.table) },
      { path: "/", app: metricsRoutes(() => metricsOf(listener, collector)) },
      { path: "/v1/telemetry", app: telemetryRoutes(collector, settings.telemetrySecret) },
    ],
  }).catch(async (error: unknown) => {
    await listener.stop(0);
    throw error;
  });
  return {
    port: listener.port,
    controlPort: control.port,
    collector,
    listener,
    table: () => serving.table,
    async stop(graceMs) {
      await listener.stop(graceMs);
      for (const stop of stopSources) stop();
      collector.stop();
      await control.stop();
    },
  };
}

/** Joins the two sources into the table requests are matched against. */
class Serving {
  readonly balancer: Balancer;
  table: ServingTable;
  onBackends: (addresses: ReadonlySet<string>) => void = () => undefined;
  private routes: RouteTable | null = null;
  private backends: BackendTable | null = null;

  constructor(domain: string, balancer: Balancer) {
    this.table = emptyServingTable(domain);
    this.balancer = balancer;
  }

  match(host: string, clientIp: string): Match {
    const match = matchHost(this.table, host, clientIp);
    // Until both first tables arrived "unknown" only means "not heard of yet".
    const isSynced = this.routes !== null && this.backends !== null;
    if (match.kind !== "backends") return isSynced ? match : { kind: "starting" };
    return { ...match, addresses: this.balancer.order(match.deploymentId, match.addresses) };
  }

  setRoutes(routes: RouteTable): void {
    this.routes = routes;
    this.settle();
  }

  setBackends(backends: BackendTable): void {
    this.backends = backends;
    this.settle();
    const addresses = new Set([...backends.values()].flat());
    this.balancer.retain(new Set(backends.keys()), addresses);
    this.onBackends(addresses);
  }

  readiness(): { routes: boolean; backends: boolean } {
    return { routes: this.routes !== null, backends: this.backends !== null };
  }

  private settle(): void {
    this.table = settle(this.table, this.routes ?? EMPTY_ROUTE_TABLE, this.backends ?? new Map());
  }
}

function metricsOf(listener: RunningListener, collector: Collector) {
  return {
    proxy: { ...listener.metrics },
    collector: { ...collector.metrics },
    clients: listener.clients(),
    upstreamConnections: [...listener.pool.sizes().values()].reduce((sum, size) => sum + size, 0),
  };
}
