/** What this process counts, for Prometheus. */
import { Hono } from "hono";
import type { RunningListener } from "../proxy/listener.ts";
import type { RunningTelemetry } from "../telemetry/start-telemetry.ts";
import { byLabel, counter, gauge, histogram, renderMetrics, type Metric } from "./prometheus.ts";

export function metricsRoutes(metrics: () => readonly Metric[]): Hono {
  const app = new Hono();
  app.get("/metrics", (c) => c.text(renderMetrics(metrics())));
  return app;
}

export function proxyMetrics(listener: RunningListener): readonly Metric[] {
  const connections = [...listener.pool.sizes().values()].reduce((sum, size) => sum + size, 0);
  return [
    ...Object.entries(listener.metrics).map(([name, value]) =>
      counter(`bifrost_proxy_${snakeCase(name)}_total`, value),
    ),
    gauge("bifrost_proxy_clients", listener.clients()),
    gauge("bifrost_proxy_upstream_connections", connections),
  ];
}

export function collectorMetrics(
  { collector, grpc, probes, unauthenticated }: RunningTelemetry,
  refusedHttpConnections: number,
): readonly Metric[] {
  const { metrics, samples, writes } = collector;
  const { accepted, repeated, late } = metrics;
  return [
    byLabel("bifrost_collector_replicas", "gauge", "health", healthOf(collector.replicas())),
    byLabel("bifrost_collector_samples_total", "counter", "outcome", { accepted, repeated, late }),
    byLabel("bifrost_collector_refused_total", "counter", "reason", {
      rate: metrics.refusedByRate,
      replicas: metrics.refusedByReplicas,
      invalid: metrics.refusedAsInvalid,
      token: unauthenticated(),
      connections: grpc.metrics.refusedConnections + refusedHttpConnections,
    }),
    byLabel("bifrost_collector_probes_total", "counter", "result", probes.results),
    histogram("bifrost_collector_probe_latency_seconds", probes.latency()),
    counter("bifrost_collector_dropped_by_sidecars_total", metrics.droppedBySidecars),
    byLabel("bifrost_collector_writes_total", "counter", "outcome", {
      written: metrics.written,
      superseded: metrics.superseded,
      removed: metrics.removed,
      failed: metrics.writesFailed,
    }),
    byLabel("bifrost_collector_writes", "gauge", "state", { ...writes }),
    counter("bifrost_collector_missed_by_listeners_total", samples.missed),
    gauge("bifrost_collector_grpc_connections", grpc.connections()),
    gauge("bifrost_collector_grpc_calls", grpc.calls()),
  ];
}

function healthOf(replicas: Iterable<{ readonly healthy: boolean; readonly proven: boolean }>) {
  const counts = { healthy: 0, unhealthy: 0, unproven: 0 };
  for (const { healthy, proven } of replicas) {
    counts[healthy ? "healthy" : proven ? "unhealthy" : "unproven"]++;
  }
  return counts;
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
