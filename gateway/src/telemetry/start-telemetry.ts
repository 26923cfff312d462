/** The collector with both its transports; the gateway has one inside, the cluster runs it by itself. */
import type { Hono } from "hono";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";
import { telemetryRoutes } from "../control/telemetry.ts";
import { authenticateWith } from "./authenticate.ts";
import { Collector, type CollectorLimits } from "./collector.ts";
import { startGrpc, type GrpcLimits, type RunningGrpc } from "./grpc/grpc-server.ts";
import { ProbeMetrics } from "./probe-metrics.ts";

export interface TelemetryOptions {
  /** Address of the gRPC port. */
  readonly host: string;
  readonly grpcPort: number;
  /** Every deployment's token is derived from it. */
  readonly secret: string;
  /** null = samples are collected but stored nowhere. */
  readonly store: ReplicaStore | null;
  readonly timers: Timers;
  readonly log: Logger;
  /** Replace single limits; for tests. */
  readonly limits?: Partial<CollectorLimits>;
  readonly grpcLimits?: Partial<GrpcLimits>;
}

export interface RunningTelemetry {
  readonly collector: Collector;
  readonly grpc: RunningGrpc;
  readonly probes: ProbeMetrics;
  /** Reports that carried no valid token. */
  readonly unauthenticated: () => number;
  /** NDJSON over HTTP; below /v1/telemetry. */
  readonly routes: Hono;
  /** Call it when the HTTP server is closed: stores what is not stored yet, within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export async function startTelemetry(options: TelemetryOptions): Promise<RunningTelemetry> {
  const { timers, log, store, limits, grpcLimits } = options;
  const collector = new Collector({ store, timers, log, ...(limits && { limits }) });
  const probes = new ProbeMetrics();
  collector.samples.subscribe((samples) => probes.record(samples));
  let unauthenticated = 0;
  const authenticate = authenticateWith(options.secret, () => unauthenticated++);
  const grpc = await startGrpc({
    host: options.host,
    port: options.grpcPort,
    collector,
    authenticate,
    timers,
    log,
    ...(grpcLimits && { limits: grpcLimits }),
  }).catch(async (error: unknown) => {
    await collector.stop(0);
    throw error;
  });
  return {
    collector,
    grpc,
    probes,
    unauthenticated: () => unauthenticated,
    routes: telemetryRoutes(collector, authenticate),
    async stop(graceMs) {
      const began = timers.now();
      await grpc.stop(Math.min(graceMs, GOODBYE_MS));
      await collector.stop(Math.max(0, Math.min(graceMs, graceMs - (timers.now() - began))));
    },
  };
}

/** How long sidecars may take to hang up when the collector goes away. */
const GOODBYE_MS = 500;
