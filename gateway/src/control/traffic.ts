/** What the cluster served in the last minute, by route: for people, and for Prometheus. */
import type { ClusterTraffic, RouteTraffic } from "@bifrost/shared/api/cluster-traffic";
import { Hono } from "hono";
import type { Metric } from "./prometheus.ts";

/** The busiest ones; a scrape is not to grow with the routes of a whole cluster. */
const MOST_ROUTES = 256;

export function trafficRoutes(summary: () => Promise<ClusterTraffic>): Hono {
  const app = new Hono();
  app.get("/cluster/traffic", async (c) => c.json(await summary()));
  return app;
}

export function trafficMetrics({ routes, seconds }: ClusterTraffic): readonly Metric[] {
  const shown = routes.slice(0, MOST_ROUTES);
  const of = (name: string, help: string, value: (route: RouteTraffic) => number): Metric => ({
    name: `bifrost_cluster_route_${name}`,
    help,
    type: "gauge",
    samples: shown.map((route) => ({ labels: { route: route.route }, value: value(route) })),
  });
  return [
    {
      name: "bifrost_cluster_traffic_seconds",
      help: "The time that the bifrost_cluster_route metrics are about.",
      type: "gauge",
      samples: [{ value: seconds }],
    },
    of(
      "requests_per_second",
      "Requests of a route at all nodes.",
      ({ requests_per_second: rate }) => rate,
    ),
    of(
      "error_rate",
      "Share of a route's responses with status 5xx at all nodes.",
      ({ error_rate: rate }) => rate,
    ),
    {
      name: "bifrost_cluster_route_duration_seconds",
      help: "Durations of a route's requests at all nodes, right within 1 %.",
      type: "gauge",
      samples: shown.flatMap(({ route, latency_ms: { p50, p90, p99 } }) =>
        Object.entries({ "0.5": p50, "0.9": p90, "0.99": p99 }).map(([quantile, ms]) => ({
          labels: { route, quantile },
          value: ms / 1000,
        })),
      ),
    },
  ];
}
