/** One gateway process: data plane, control API and collector over what its sources tell. */
import { randomBytes } from "node:crypto";
import type { Timers } from "@bifrost/shared/domain/time";
import { EMPTY_ROUTE_TABLE, type RouteTable } from "@bifrost/shared/domain/route";
import type { BackendSource, BackendTable } from "@bifrost/shared/ports/backend-source";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";
import type { RouteSource } from "@bifrost/shared/ports/route-source";
import { healthRoutes } from "./control/health.ts";
import { collectorMetrics, metricsRoutes, proxyMetrics } from "./control/metrics.ts";
import { routeRoutes } from "./control/routes.ts";
import { startControl, type RunningControl } from "./control/server.ts";
import { startListener, type RunningListener } from "./proxy/listener.ts";
import { DEFAULT_PROXY_LIMITS, type ProxyLimits } from "./proxy/services.ts";
import type { PoolLimits } from "./proxy/upstream-pool.ts";
import { Balancer } from "./routing/balancer.ts";
import { matchHost, type Match } from "./routing/match.ts";
import { emptyServingTable, settle, type ServingTable } from "./routing/route-table.ts";
import type { Collector } from "./telemetry/collector.ts";
import { startTelemetry, type TelemetryOptions } from "./telemetry/start-telemetry.ts";

export interface GatewaySettings {
  readonly host: string;
  readonly port: number;
  readonly controlHost: string;
  readonly controlPort: number;
  /** Hosts are `<slug>.<domain>`. */
  readonly domain: string;
  readonly publicScheme: "http" | "https";
  /** Of the collector's gRPC transport, on the control API's address; 0 = a free one. */
  readonly telemetryGrpcPort: number;
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
  /** Replace single limits; for tests. */
  readonly limits?: Partial<ProxyLimits>;
  readonly telemetryLimits?: Pick<TelemetryOptions, "limits" | "grpcLimits">;
}

export interface RunningGateway {
  readonly port: number;
  readonly controlPort: number;
  readonly telemetryGrpcPort: number;
  readonly collector: Collector;
  readonly listener: RunningListener;
  table(): ServingTable;
  /** Lets responses under way end for at most `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** Part of the grace that is kept for what is not stored yet. */
const STORE_MS = 1000;

export async function startGateway(deps: GatewayDeps): Promise<RunningGateway> {
  const { settings, timers } = deps;
  const serving = new Serving(settings.domain, new Balancer(timers));
  const listener = await startProxy(deps, serving);
  serving.onBackends = (addresses) => listener.pool.retain(addresses);
  const stopSources = [
    deps.routes.watch((table) => serving.setRoutes(table)),
    deps.backends.watch((table) => serving.setBackends(table)),
  ];
  const telemetry = await startTelemetry(telemetryOptions(deps)).catch(async (error: unknown) => {
    await listener.stop(0);
    throw error;
  });
  const control: RunningControl = await startControl({
    host: settings.controlHost,
    port: settings.controlPort,
    timers,
    log: deps.log,
    routers: [
      { path: "/", app: healthRoutes(() => serving.readiness()) },
      { path: "/", app: routeRoutes(() => serving.table) },
      {
        path: "/",
        app: metricsRoutes(() => [
          ...proxyMetrics(listener),
          ...collectorMetrics(telemetry, control.refusedConnections()),
        ]),
      },
      { path: "/v1/telemetry", app: telemetry.routes },
    ],
  }).catch(async (error: unknown) => {
    await Promise.all([listener.stop(0), telemetry.stop(0)]);
    throw error;
  });
  return {
    port: listener.port,
    controlPort: control.port,
    telemetryGrpcPort: telemetry.grpc.port,
    collector: telemetry.collector,
    listener,
    table: () => serving.table,
    async stop(graceMs) {
      await listener.stop(graceMs);
      for (const stop of stopSources) stop();
      await control.stop(0);
      await telemetry.stop(Math.min(graceMs, STORE_MS));
    },
  };
}

function startProxy(
  { settings, timers, limits }: GatewayDeps,
  serving: Serving,
): Promise<RunningListener> {
  return startListener({
    host: settings.host,
    port: settings.port,
    limits: { ...DEFAULT_PROXY_LIMITS, ...limits },
    poolLimits: settings.upstreams,
    publicScheme: settings.publicScheme,
    timers,
    idPrefix: randomBytes(5).toString("hex"),
    match: (host, clientIp) => serving.match(host, clientIp),
    onRefused: (address) => serving.balancer.refused(address),
  });
}

function telemetryOptions(deps: GatewayDeps): TelemetryOptions {
  const { settings, timers, log } = deps;
  return {
    host: settings.controlHost,
    grpcPort: settings.telemetryGrpcPort,
    secret: settings.telemetrySecret,
    store: deps.replicas,
    timers,
    log,
    ...deps.telemetryLimits,
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
