/** What a gateway knows of its cluster, for Prometheus. */
import type { ClusterMember, NodeHealth } from "@bifrost/shared/api/cluster";
import type { FullStatus } from "../cluster/cluster-status.ts";
import { byLabel, counter, gauge, type Metric, type Sample } from "./prometheus.ts";

export function clusterMetrics(
  { members, healthy_members, cluster_health, details }: FullStatus,
  restarts: number,
): readonly Metric[] {
  return [
    gauge(
      ["bifrost_cluster_healthy", "1 while every member is alive and passes its health checks."],
      cluster_health === "HEALTHY" ? 1 : 0,
    ),
    gauge(["bifrost_cluster_expected_members", "Members that did not leave."], members),
    gauge(["bifrost_cluster_healthy_members", "Members that are well."], healthy_members),
    byLabel(
      ["bifrost_cluster_members", "Members as this node sees them, by state."],
      "gauge",
      "state",
      statesOf(details.members),
    ),
    gauge(
      ["bifrost_cluster_process_up", "1 while the gossip process takes part in the cluster."],
      details.problem === null ? 1 : 0,
    ),
    counter(["bifrost_cluster_process_restarts_total", "Ends of the gossip process."], restarts),
    byLabel(
      ["bifrost_cluster_discovered", "Addresses that discovery knows, by method."],
      "gauge",
      "type",
      new Map(details.discovery.map(({ type, found }) => [type, found.length])),
    ),
    byLabel(
      ["bifrost_cluster_events_total", "What the gossip process counts, by name."],
      "counter",
      "event",
      details.counters,
    ),
    ...nodeMetrics(details.members),
  ];
}

function statesOf(members: readonly ClusterMember[]) {
  const counts = { alive: 0, suspect: 0, dead: 0, left: 0 };
  for (const { state } of members) counts[state]++;
  return counts;
}

function nodeMetrics(members: readonly ClusterMember[]): readonly Metric[] {
  const heard = members.flatMap(({ nodeId, load }) => (load === null ? [] : [{ nodeId, load }]));
  const of = (name: string, help: string, value: (load: NodeHealth) => number) =>
    byLabel(
      [`bifrost_cluster_node_${name}`, help],
      "gauge",
      "node",
      new Map(heard.map(({ nodeId, load }) => [nodeId, value(load)])),
    );
  const links = heard.flatMap(({ nodeId, load }) =>
    load.links.map((link) => ({ labels: { node: nodeId, to: link.nodeId }, ...link })),
  );
  return [
    of("cpu_ratio", "Share of its cores that a node uses.", ({ cpu }) => cpu),
    of("memory_bytes", "Memory in use on a node.", ({ memoryBytes }) => memoryBytes),
    of("memory_limit_bytes", "Memory a node has.", ({ memoryLimitBytes }) => memoryLimitBytes),
    of(
      "loop_delay_seconds",
      "Worst delay of the event loops of a node.",
      ({ eventLoopDelayMs }) => eventLoopDelayMs / 1000,
    ),
    of("requests_per_second", "Requests of a node.", (load) => load.requestsPerSecond),
    of("error_ratio", "Share of a node's responses with status 5xx.", ({ errorRate }) => errorRate),
    {
      name: "bifrost_cluster_link_round_trip_seconds",
      help: "Round-trip time of probes between two nodes.",
      type: "gauge",
      samples: links.flatMap(({ labels, roundTripMs }): Sample[] =>
        roundTripMs === null ? [] : [{ labels, value: roundTripMs / 1000 }],
      ),
    },
    {
      name: "bifrost_cluster_link_loss_ratio",
      help: "Share of the last probes between two nodes that were not answered.",
      type: "gauge",
      samples: links.map(({ labels, loss }): Sample => ({ labels, value: loss })),
    },
  ];
}
