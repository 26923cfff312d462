/** What this process counts, for Prometheus. */
import { Hono } from "hono";
import type { RunningTelemetry } from "../telemetry/start-telemetry.ts";
import { byLabel, counter, gauge, histogram, renderMetrics, type Metric } from "./prometheus.ts";

export function metricsRoutes(metrics: () => readonly Metric[] | Promise<readonly Metric[]>): Hono {
  const app = new Hono();
  app.get("/metrics", async (c) => c.text(renderMetrics(await metrics())));
  return app;
}

export function collectorMetrics(
  telemetry: RunningTelemetry,
  refusedHttpConnections: number,
): readonly Metric[] {
  return [...sampleMetrics(telemetry, refusedHttpConnections), ...workMetrics(telemetry)];
}

function sampleMetrics(
  { collector, grpc, probes, unauthenticated }: RunningTelemetry,
  refusedHttpConnections: number,
): readonly Metric[] {
  const { metrics } = collector;
  const { accepted, repeated, late } = metrics;
  return [
    byLabel(
      ["bifrost_collector_replicas", "Replicas known now, by what their sidecars say of them."],
      "gauge",
      "health",
      healthOf(collector.replicas()),
    ),
    byLabel(
      ["bifrost_collector_samples_total", "Samples of sidecars, by what became of them."],
      "counter",
      "outcome",
      { accepted, repeated, late },
    ),
    byLabel(
      ["bifrost_collector_refused_total", "Samples, reports and connections that were refused."],
      "counter",
      "reason",
      {
        rate: metrics.refusedByRate,
        replicas: metrics.refusedByReplicas,
        invalid: metrics.refusedAsInvalid,
        token: unauthenticated(),
        connections: grpc.metrics.refusedConnections + refusedHttpConnections,
      },
    ),
    byLabel(
      ["bifrost_collector_probes_total", "Health checks that sidecars made, by how they ended."],
      "counter",
      "result",
      probes.results,
    ),
    histogram(
      ["bifrost_collector_probe_latency_seconds", "How long health checks took."],
      probes.latency(),
    ),
    counter(
      ["bifrost_collector_dropped_by_sidecars_total", "Samples that sidecars say they dropped."],
      metrics.droppedBySidecars,
    ),
  ];
}

function workMetrics({ collector, grpc }: RunningTelemetry): readonly Metric[] {
  const { running, waiting, ...outcomes } = collector.writes;
  return [
    byLabel(
      ["bifrost_collector_writes_total", "Writes of replicas, by how they ended."],
      "counter",
      "outcome",
      outcomes,
    ),
    byLabel(
      ["bifrost_collector_writes", "Writes of replicas that run or wait now."],
      "gauge",
      "state",
      { running, waiting },
    ),
    counter(
      ["bifrost_collector_missed_by_listeners_total", "Samples a slow listener did not see."],
      collector.samples.missed,
    ),
    gauge(
      ["bifrost_collector_grpc_connections", "Connections of sidecars over gRPC."],
      grpc.connections(),
    ),
    gauge(["bifrost_collector_grpc_calls", "Streams of reports over gRPC."], grpc.calls()),
  ];
}

function healthOf(replicas: Iterable<{ readonly healthy: boolean; readonly proven: boolean }>) {
  const counts = { healthy: 0, unhealthy: 0, unproven: 0 };
  for (const { healthy, proven } of replicas) {
    counts[healthy ? "healthy" : proven ? "unhealthy" : "unproven"]++;
  }
  return counts;
}
