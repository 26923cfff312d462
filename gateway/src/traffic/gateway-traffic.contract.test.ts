/** What a gateway says of its traffic, from real requests. */
import { type ClusterTraffic, ClusterTrafficSchema } from "@bifrost/shared/api/cluster-traffic";
import * as v from "valibot";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HOST, ProxyRig } from "../testing/proxy-rig.ts";
import { readMetrics } from "../testing/read-metrics.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { GatewayTraffic, type TrafficCluster } from "./gateway-traffic.ts";
import type { RouteTally } from "./route-tally.ts";

let rig: ProxyRig;
beforeEach(async () => {
  rig = await ProxyRig.start();
});
afterEach(() => rig.stop());

async function traffic(): Promise<ClusterTraffic> {
  const answer = await rig.running.control("/cluster/traffic");
  return v.parse(ClusterTrafficSchema, await answer.json());
}

/** Once so many requests are counted. */
async function trafficOf(requests: number): Promise<ClusterTraffic> {
  for (;;) {
    const seen = await traffic();
    if (seen.requests >= requests) return seen;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("requests are told by route, with errors and durations, and so are they in the metrics", async () => {
  rig.serve(
    await rig.httpReplica((request, response) => {
      response.statusCode = request.url?.startsWith("/api/bad") === true ? 500 : 200;
      response.end();
    }),
  );
  const rest = { targets: [], stripsPrefix: false, redirect: null, policies: [] };
  const paths = [{ prefix: "/api", ...rest }];
  rig.running.setRoutes({ [HOST]: { paths } }, { project: "first" });
  const c = await rig.client();
  const targets = ["/", "/", "/api/good", "/api/good", "/api/bad", "/api/bad?x=1"];
  for (const [index, target] of targets.entries()) {
    c.send(`GET ${target} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await c.until((text) => text.split("HTTP/1.1 ").length > index + 1);
  }
  c.send("GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n");
  await c.until((text) => text.includes("HTTP/1.1 404"));
  const seen = await trafficOf(targets.length);
  expect(seen).toMatchObject({
    local_node: "local",
    requests: 6,
    error_rate: 2 / 6,
    routes: [
      { route: `${HOST}/api`, requests: 4, error_rate: 0.5, nodes: { local: 4 } },
      { route: `${HOST}/`, requests: 2, error_rate: 0 },
    ],
    nodes: [{ node: "local", requests: 6 }],
  });
  const series = readMetrics(await (await rig.running.control("/metrics")).text());
  const of = (name: string) => series.filter((one) => one.name === `bifrost_cluster_route_${name}`);
  expect(of("error_rate").map(({ labels, value }) => [labels["route"], value])).toEqual([
    [`${HOST}/api`, 0.5],
    [`${HOST}/`, 0],
  ]);
  const quantiles = ["0.5", "0.9", "0.99"];
  expect(of("duration_seconds").map(({ labels }) => labels["quantile"])).toEqual([
    ...quantiles,
    ...quantiles,
  ]);
});

const SUMMARY: ClusterTraffic = {
  local_node: "a",
  seconds: 60,
  requests: 0,
  requests_per_second: 0,
  error_rate: 0,
  latency_ms: { p50: 0, p90: 0, p99: 0 },
  routes: [],
  nodes: [],
};

function clusterRig() {
  const told: (readonly RouteTally[])[] = [];
  let listener: ((served: readonly RouteTally[]) => void) | null = null;
  let known: ClusterTraffic | null = SUMMARY;
  const cluster: TrafficCluster = {
    self: "a",
    tell: ({ served }) => told.push(served),
    traffic: () => Promise.resolve(known),
  };
  const dataPlanes = { onServed: (given: typeof listener) => void (listener = given) };
  const gateway = new GatewayTraffic({ dataPlanes, cluster, timers: virtualTimers() });
  return {
    gateway,
    told,
    serve: (served: readonly RouteTally[]) => listener?.(served),
    lose: () => (known = null),
  };
}

test("in a cluster the gossip process is told and asked; without it the gateway knows of itself", async () => {
  const { gateway, told, serve, lose } = clusterRig();
  const tallies = [{ route: "shop/", requests: 2, errors: 0, latency: new Map([[1, 2]]) }];
  serve(tallies);
  expect(told).toEqual([tallies]);
  expect(await gateway.summary()).toBe(SUMMARY);
  lose();
  expect(await gateway.summary()).toMatchObject({
    local_node: "a",
    routes: [{ route: "shop/", requests: 2, nodes: { a: 2 } }],
  });
});
