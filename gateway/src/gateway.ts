/** The parent of one gateway: feeds its data planes with what its sources tell; control API and collector. */
import { Hono } from "hono";
import type { Timers } from "@bifrost/shared/domain/time";
import type { BackendSource } from "@bifrost/shared/ports/backend-source";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";
import type { RouteSource } from "@bifrost/shared/ports/route-source";
import type { Alerts } from "./alerts/alerts.ts";
import type { GatewayCluster } from "./cluster/gateway-cluster.ts";
import { alertMetrics } from "./control/alert-metrics.ts";
import { requireBearer } from "./control/bearer.ts";
import { clusterKeyRoutes, clusterStatusRoutes } from "./control/cluster.ts";
import { clusterMetrics } from "./control/cluster-metrics.ts";
import { configRoutes, type OwnConfig } from "./control/config.ts";
import { healthRoutes } from "./control/health.ts";
import { collectorMetrics, metricsRoutes } from "./control/metrics.ts";
import { operationRoutes } from "./control/operations.ts";
import { policyRoutes } from "./control/policies.ts";
import type { Metric } from "./control/prometheus.ts";
import { providerMetrics, providerRoutes } from "./control/providers.ts";
import { proxyMetrics } from "./control/proxy-metrics.ts";
import { routeRoutes } from "./control/routes.ts";
import { startControl, type RunningControl } from "./control/server.ts";
import { trafficMetrics, trafficRoutes } from "./control/traffic.ts";
import type { Collector } from "./telemetry/collector.ts";
import { followPolicies, type GatewayPolicies } from "./policies/follow-policies.ts";
import { GatewayTraffic } from "./traffic/gateway-traffic.ts";
import { startTelemetry, type RunningTelemetry } from "./telemetry/start-telemetry.ts";
import type { TelemetryOptions } from "./telemetry/start-telemetry.ts";
import type { RunningProviders } from "./providers/start-providers.ts";
import type { DataPlanes } from "./workers/data-planes.ts";
import { HealthFeed } from "./workers/health-feed.ts";
import type { PolicyFaults } from "./workers/policy-faults.ts";

export interface GatewaySettings {
  readonly controlHost: string;
  readonly controlPort: number;
  /** null = what needs it refuses everyone. */
  readonly controlToken: string | null;
  /** Of the collector's gRPC transport, on the control API's address; 0 = a free one. */
  readonly telemetryGrpcPort: number;
  readonly telemetrySecret: string;
}

export interface GatewayDeps {
  readonly settings: GatewaySettings;
  /** Already started; the gateway ends them. */
  readonly dataPlanes: DataPlanes;
  readonly policyFaults: PolicyFaults;
  readonly policies: GatewayPolicies;
  /** null = no alert rules are run. */
  readonly alerts: Alerts | null;
  /** null = this gateway runs alone. */
  readonly cluster: GatewayCluster | null;
  /** Already started; the gateway ends it. null = apps call no AI providers through it. */
  readonly providers: RunningProviders | null;
  readonly routes: RouteSource;
  readonly backends: BackendSource;
  /** null = routes and policies are somebody else's to change. */
  readonly ownConfig: OwnConfig | null;
  /** null = samples are collected but stored nowhere. */
  readonly replicas: ReplicaStore | null;
  readonly timers: Timers;
  readonly log: Logger;
  /** Replace single limits; for tests. */
  readonly telemetryLimits?: Pick<TelemetryOptions, "limits" | "grpcLimits">;
}

export interface RunningGateway {
  readonly port: number;
  readonly controlPort: number;
  readonly telemetryGrpcPort: number;
  readonly collector: Collector;
  readonly dataPlanes: DataPlanes;
  /** Lets responses under way end for at most `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** Part of the grace that is kept for what is not stored yet. */
const STORE_MS = 1000;
/** For the goodbye to the other nodes; what is not told by then they find out. */
const LEAVE_MS = 500;

export async function startGateway(deps: GatewayDeps): Promise<RunningGateway> {
  const { dataPlanes, cluster, timers, log, settings } = deps;
  const telemetry = await startTelemetry(telemetryOptions(deps)).catch(async (error: unknown) => {
    await dataPlanes.stop(0);
    throw error;
  });
  const stopSources = followSources(deps, telemetry);
  const stopPolicies = followPolicies(deps);
  const traffic = new GatewayTraffic({ dataPlanes, cluster, timers });
  const draining = new Draining(dataPlanes, cluster);
  const control: RunningControl = await startControl({
    host: settings.controlHost,
    port: settings.controlPort,
    timers,
    log,
    routers: [
      {
        path: "/",
        app: healthRoutes(
          () => draining.readiness(),
          () => clusterDetails(cluster),
        ),
      },
      { path: "/", app: clusterStatusRoutes({ cluster, token: settings.controlToken }) },
      { path: "/v1/telemetry", app: telemetry.routes },
      ...operatorRouters(deps, { draining, traffic }, async () => [
        ...collectorMetrics(telemetry, control.refusedConnections()),
        ...(await gatewayMetrics(deps, traffic)),
      ]),
    ],
  }).catch(async (error: unknown) => {
    stopSources();
    const running = [dataPlanes, deps.providers, telemetry];
    await Promise.all([...running.map((one) => one?.stop(0)), stopPolicies()]);
    throw error;
  });
  if (settings.controlToken === null) {
    log.warn("control API is closed but for its probes: BIFROST_CONTROL_TOKEN is not set");
  }
  cluster?.start(`${settings.controlHost}:${control.port}`, () => dataPlanes.summary());
  return {
    port: dataPlanes.port,
    controlPort: control.port,
    telemetryGrpcPort: telemetry.grpc.port,
    collector: telemetry.collector,
    dataPlanes,
    async stop(graceMs) {
      await Promise.all([draining.drain(graceMs), deps.providers?.stop(graceMs)]);
      stopSources();
      await control.stop(0);
      const storeMs = Math.min(graceMs, STORE_MS);
      const stored = Promise.all([telemetry.stop(storeMs), stopPolicies()]);
      await Promise.race([stored, timers.sleep(storeMs)]);
      await deps.ownConfig?.close();
    },
  };
}

/** Answers the function that stops it. */
function followSources(
  { dataPlanes, routes, backends, alerts, cluster, timers }: GatewayDeps,
  { collector }: RunningTelemetry,
): () => void {
  const health = new HealthFeed({
    timers,
    region: cluster?.region ?? "",
    tell: (update) => dataPlanes.update(update),
  });
  cluster?.onMembers((members) => health.setMembers(members));
  const stops = [
    routes.watch((table) => {
      dataPlanes.update({ routes: table });
      alerts?.setTeams(table.teams);
    }),
    backends.watch((table) => {
      health.setBackends(table);
      dataPlanes.update({ backends: table });
      alerts?.setBackends(table);
    }),
    collector.samples.subscribe((samples) => health.take(samples)),
    collector.samples.subscribe((samples) => alerts?.take(samples)),
    () => alerts?.stop(),
    () => health.stop(),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Of an operator who takes his time and a signal that does not, the shorter grace counts. */
class Draining {
  private readonly dataPlanes: DataPlanes;
  private readonly cluster: GatewayCluster | null;
  private hasBegun = false;

  constructor(dataPlanes: DataPlanes, cluster: GatewayCluster | null) {
    this.dataPlanes = dataPlanes;
    this.cluster = cluster;
  }

  readiness(): Readonly<Record<string, boolean>> {
    const parts = { ...this.dataPlanes.readiness() };
    return this.hasBegun ? { ...parts, accepting: false } : parts;
  }

  /** Leaves the cluster only when the last response has ended: until then its limits hold for it. */
  async drain(graceMs: number): Promise<void> {
    this.hasBegun = true;
    await this.dataPlanes.stop(graceMs);
    await this.cluster?.leave(LEAVE_MS);
  }
}

async function gatewayMetrics(
  { dataPlanes, alerts, cluster, providers }: GatewayDeps,
  traffic: GatewayTraffic,
): Promise<readonly Metric[]> {
  const { disabled } = dataPlanes.tables().policies;
  return [
    ...proxyMetrics(dataPlanes.summary(), dataPlanes.readiness(), disabled),
    ...(alerts === null ? [] : alertMetrics(alerts)),
    ...(providers === null ? [] : providerMetrics(providers.usage)),
    ...(cluster === null ? [] : clusterMetrics(await cluster.status(), cluster.restarts)),
    ...trafficMetrics(await traffic.summary()),
  ];
}

function clusterDetails(cluster: GatewayCluster | null): Readonly<Record<string, string>> {
  const problem = cluster?.problem ?? null;
  return problem === null ? {} : { cluster: problem };
}

function operatorRouters(
  { dataPlanes, policyFaults, cluster, ownConfig, providers, settings }: GatewayDeps,
  { draining, traffic }: { readonly draining: Draining; readonly traffic: GatewayTraffic },
  metrics: Parameters<typeof metricsRoutes>[0],
): { readonly path: string; readonly app: Hono }[] {
  const apps = [
    routeRoutes(() => dataPlanes.serving()),
    configRoutes(ownConfig),
    policyRoutes(() => ({
      tables: dataPlanes.tables(),
      summary: dataPlanes.summary(),
      faults: policyFaults.newest,
    })),
    metricsRoutes(metrics),
    clusterKeyRoutes(cluster),
    trafficRoutes(() => traffic.summary()),
    ...(providers === null ? [] : [providerRoutes(providers.usage)]),
    operationRoutes({ dataPlanes, drain: (graceMs) => draining.drain(graceMs) }),
  ];
  const guarded = new Hono();
  for (const path of GUARDED) guarded.use(path, requireBearer(settings.controlToken));
  for (const app of apps) guarded.route("/", app);
  return [{ path: "/", app: guarded }];
}

/** Everything but the probes, and the reports of sidecars, which have tokens of their own. */
const GUARDED = [
  "/routes",
  "/config/*",
  "/policies",
  "/connections",
  "/metrics",
  "/drain",
  "/restart",
  "/cluster/keys",
  "/cluster/traffic",
  "/providers",
];

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
