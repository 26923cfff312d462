/** Counters in the Prometheus text format. */
import { Hono } from "hono";

export interface MetricsSnapshot {
  readonly proxy: Readonly<Record<string, number>>;
  readonly collector: Readonly<Record<string, number>>;
  readonly clients: number;
  readonly upstreamConnections: number;
}

export function metricsRoutes(snapshot: () => MetricsSnapshot): Hono {
  const app = new Hono();
  app.get("/metrics", (c) => c.text(render(snapshot())));
  return app;
}

function render(snapshot: MetricsSnapshot): string {
  const lines = [
    ...counters("bifrost_proxy", snapshot.proxy),
    ...counters("bifrost_collector", snapshot.collector),
    "# TYPE bifrost_proxy_clients gauge",
    `bifrost_proxy_clients ${snapshot.clients}`,
    "# TYPE bifrost_proxy_upstream_connections gauge",
    `bifrost_proxy_upstream_connections ${snapshot.upstreamConnections}`,
  ];
  return `${lines.join("\n")}\n`;
}

function counters(prefix: string, values: Readonly<Record<string, number>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const metric = `${prefix}_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`;
    return [`# TYPE ${metric} counter`, `${metric} ${value}`];
  });
}
