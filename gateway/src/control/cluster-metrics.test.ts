import { expect, test } from "vitest";
import { clusterStatus } from "../cluster/cluster-status.ts";
import { testClusterConfig, testMember } from "../testing/cluster-parts.ts";
import { clusterMetrics } from "./cluster-metrics.ts";
import { renderMetrics } from "./prometheus.ts";

test("members by state, the way to each, and what is found are told", () => {
  const status = clusterStatus({
    self: "a",
    config: testClusterConfig(),
    isEncrypted: false,
    members: [testMember("a"), testMember("b", { state: "dead", evidence: "refused" })],
    healthOf: () => "healthy",
    loadOf: (id) =>
      id === "b"
        ? null
        : {
            cpu: 0.5,
            memoryBytes: 1000,
            memoryLimitBytes: 4000,
            eventLoopDelayMs: 20,
            requestsPerSecond: 12,
            errorRate: 0.25,
            links: [
              { nodeId: "b", roundTripMs: 3, loss: 0.5 },
              { nodeId: "c", roundTripMs: null, loss: 0 },
            ],
          },
    problem: null,
    discovery: [{ type: "dns", found: ["b.test:10101"], problem: null }],
    keys: [],
    configVersions: {},
    counters: { probes: 7 },
  });
  const lines = renderMetrics(clusterMetrics(status, 2))
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  expect(lines).toEqual([
    "bifrost_cluster_healthy 0",
    "bifrost_cluster_expected_members 2",
    "bifrost_cluster_healthy_members 1",
    'bifrost_cluster_members{state="alive"} 1',
    'bifrost_cluster_members{state="suspect"} 0',
    'bifrost_cluster_members{state="dead"} 1',
    'bifrost_cluster_members{state="left"} 0',
    "bifrost_cluster_process_up 1",
    "bifrost_cluster_process_restarts_total 2",
    'bifrost_cluster_discovered{type="dns"} 1',
    'bifrost_cluster_events_total{event="probes"} 7',
    'bifrost_cluster_node_cpu_ratio{node="a"} 0.5',
    'bifrost_cluster_node_memory_bytes{node="a"} 1000',
    'bifrost_cluster_node_memory_limit_bytes{node="a"} 4000',
    'bifrost_cluster_node_loop_delay_seconds{node="a"} 0.02',
    'bifrost_cluster_node_requests_per_second{node="a"} 12',
    'bifrost_cluster_node_error_ratio{node="a"} 0.25',
    'bifrost_cluster_link_round_trip_seconds{node="a",to="b"} 0.003',
    'bifrost_cluster_link_loss_ratio{node="a",to="b"} 0.5',
    'bifrost_cluster_link_loss_ratio{node="a",to="c"} 0',
  ]);
});
