/** What the reports of all nodes say together. */
import type { ClusterTraffic, RouteTraffic } from "@bifrost/shared/api/cluster-traffic";
import { quantilesOf } from "./latency.ts";
import { OpenTally, type Tally } from "./route-tally.ts";
import type { SlotReport } from "./traffic-book.ts";

/** Of the newest slot, which may have just begun. */
const LEAST_SECONDS = 1;

export function summarize(self: string, reports: readonly SlotReport[]): ClusterTraffic {
  const all = new OpenTally();
  const byRoute = new Map<string, { tally: OpenTally; nodes: Map<string, number> }>();
  const byNode = new Map<string, OpenTally>();
  for (const { node, routes } of reports) {
    for (const { route, ...tally } of routes) {
      const known = byRoute.get(route) ?? { tally: new OpenTally(), nodes: new Map() };
      const ofNode = byNode.get(node) ?? new OpenTally();
      for (const sum of [all, known.tally, ofNode]) sum.add(tally);
      known.nodes.set(node, (known.nodes.get(node) ?? 0) + tally.requests);
      byRoute.set(route, known);
      byNode.set(node, ofNode);
    }
  }
  const oldestMs = reports.reduce((most, { ageMs }) => Math.max(most, ageMs), 0);
  const seconds = Math.max(LEAST_SECONDS, oldestMs / 1000);
  return {
    local_node: self,
    seconds,
    ...figures(all, seconds),
    routes: [...byRoute]
      .map(([route, { tally, nodes }]): RouteTraffic => ({
        route,
        ...figures(tally, seconds),
        nodes: Object.fromEntries(nodes),
      }))
      .toSorted((a, b) => b.requests - a.requests || (a.route < b.route ? -1 : 1)),
    nodes: [...byNode]
      .map(([node, tally]) => ({ node, ...figures(tally, seconds) }))
      .toSorted((a, b) => (a.node < b.node ? -1 : 1)),
  };
}

function figures({ requests, errors, latency }: Tally, seconds: number) {
  const [p50 = 0, p90 = 0, p99 = 0] = quantilesOf(latency, [0.5, 0.9, 0.99]);
  return {
    requests,
    requests_per_second: requests / seconds,
    error_rate: requests === 0 ? 0 : errors / requests,
    latency_ms: { p50, p90, p99 },
  };
}
