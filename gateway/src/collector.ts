/** The collector as a program of its own: no proxy, no routes, no access to the cluster. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";
import { healthRoutes } from "./control/health.ts";
import { collectorMetrics, metricsRoutes } from "./control/metrics.ts";
import { startControl, type RunningControl } from "./control/server.ts";
import type { Collector } from "./telemetry/collector.ts";
import { startTelemetry } from "./telemetry/start-telemetry.ts";

export interface CollectorSettings {
  readonly controlHost: string;
  readonly controlPort: number;
  readonly telemetryGrpcPort: number;
  readonly telemetrySecret: string;
}

export interface CollectorDeps {
  readonly settings: CollectorSettings;
  readonly replicas: ReplicaStore;
  readonly timers: Timers;
  readonly log: Logger;
}

export interface RunningCollector {
  readonly controlPort: number;
  readonly telemetryGrpcPort: number;
  readonly collector: Collector;
  /** Takes nothing more, ends what is under way and stores what is not stored yet, within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** Part of the grace for requests under way; the rest is for the store. */
const REQUESTS_MS = 1000;

export async function startCollector(deps: CollectorDeps): Promise<RunningCollector> {
  const { settings, replicas, timers, log } = deps;
  const telemetry = await startTelemetry({
    host: settings.controlHost,
    grpcPort: settings.telemetryGrpcPort,
    secret: settings.telemetrySecret,
    store: replicas,
    timers,
    log,
  });
  let isStopping = false;
  const control: RunningControl = await startControl({
    host: settings.controlHost,
    port: settings.controlPort,
    timers,
    log,
    routers: [
      { path: "/", app: healthRoutes(() => ({ collecting: !isStopping })) },
      {
        path: "/",
        app: metricsRoutes(() => collectorMetrics(telemetry, control.refusedConnections())),
      },
      { path: "/v1/telemetry", app: telemetry.routes },
    ],
  }).catch(async (error: unknown) => {
    await telemetry.stop(0);
    throw error;
  });
  return {
    controlPort: control.port,
    telemetryGrpcPort: telemetry.grpc.port,
    collector: telemetry.collector,
    async stop(graceMs) {
      isStopping = true;
      await control.stop(Math.min(graceMs, REQUESTS_MS));
      await telemetry.stop(Math.max(0, graceMs - REQUESTS_MS));
    },
  };
}
