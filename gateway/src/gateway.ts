/** One gateway process: data plane, control API and collector over what its sources tell. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { BackendSource } from "@bifrost/shared/ports/backend-source";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";
import type { RouteSource } from "@bifrost/shared/ports/route-source";
import { healthRoutes } from "./control/health.ts";
import { collectorMetrics, metricsRoutes, proxyMetrics } from "./control/metrics.ts";
import { routeRoutes } from "./control/routes.ts";
import { startControl, type RunningControl } from "./control/server.ts";
import { startDataPlane, type DataPlane } from "./data-plane.ts";
import type { RunningListener } from "./proxy/listener.ts";
import { DEFAULT_PROXY_LIMITS, type ProxyLimits } from "./proxy/services.ts";
import type { PoolLimits } from "./proxy/upstream-pool.ts";
import type { ServingTable } from "./routing/route-table.ts";
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
  /** Addresses and CIDR blocks of proxies before this one that are believed when they name their client. */
  readonly trustedProxies?: readonly string[];
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
  const dataPlane = await startTraffic(deps);
  const { listener } = dataPlane;
  const stopSources = [
    deps.routes.watch((table) => dataPlane.setRoutes(table)),
    deps.backends.watch((table) => dataPlane.setBackends(table)),
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
      { path: "/", app: healthRoutes(() => dataPlane.readiness()) },
      { path: "/", app: routeRoutes(() => dataPlane.table()) },
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
    table: () => dataPlane.table(),
    async stop(graceMs) {
      await listener.stop(graceMs);
      for (const stop of stopSources) stop();
      await control.stop(0);
      await telemetry.stop(Math.min(graceMs, STORE_MS));
    },
  };
}

function startTraffic({ settings, timers, limits }: GatewayDeps): Promise<DataPlane> {
  const { host, port, domain, publicScheme, upstreams, trustedProxies = [] } = settings;
  return startDataPlane({
    host,
    port,
    domain,
    publicScheme,
    upstreams,
    trustedProxies,
    limits: { ...DEFAULT_PROXY_LIMITS, ...limits },
    timers,
    chainOf: () => null,
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
