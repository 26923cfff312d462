/** The parent's side of the cluster over real gossip processes, without the rest of a gateway. */
import type { NodeHealth } from "@bifrost/shared/api/cluster";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { testClusterConfig } from "../testing/cluster-parts.ts";
import { isAlive, WAIT_MS } from "../testing/cluster-rig.ts";
import { freePorts } from "../testing/gateway-cluster.ts";
import { eventually } from "../testing/test-gateway.ts";
import { buildPrograms, type BuiltPrograms } from "../testing/worker-program.ts";
import { GatewayCluster, type GatewayClusterOptions } from "./gateway-cluster.ts";

let programs: BuiltPrograms;
let started: GatewayCluster[] = [];
beforeAll(async () => {
  programs = await buildPrograms("gossip-node");
});
afterEach(async () => {
  await Promise.all(started.map((cluster) => cluster.leave(0)));
  started = [];
});
afterAll(() => programs.remove());

const NO_TRAFFIC = { totals: null, planes: [], crashes: 0, kills: 0, crashLoops: 0 };

function start(
  nodeId: string,
  [port = 0, ...others]: readonly number[],
  options: Partial<GatewayClusterOptions> = {},
): GatewayCluster {
  const { gossip } = testClusterConfig();
  const peers = others.map((other) => `127.0.0.1:${other}`);
  const cluster = new GatewayCluster({
    program: { script: programs.script("gossip-node"), nodeArguments: [], environment: {} },
    settings: {
      nodeId,
      config: testClusterConfig({ peers, gossip: { ...gossip, port } }),
      secrets: {
        gossipKeys: [],
        configSigningKey: null,
        configPublicKey: null,
        consulToken: null,
        etcdCredentials: null,
      },
      host: "here",
      version: "0.0.0",
      logLevel: "error",
    },
    timers: systemTimers,
    log: silentLogger,
    ...options,
  });
  started.push(cluster);
  cluster.start("127.0.0.1:9090", () => NO_TRAFFIC);
  return cluster;
}

const stateOf = (cluster: GatewayCluster, id: string) =>
  cluster.members.find((member) => member.id === id)?.state;

test("a gossip process that stands still is killed and replaced, under the same name", async () => {
  const [one = 0, two = 0] = await freePorts(2);
  const a = start("a", [one, two], { watchdog: { silenceMs: 2500, startMs: 20_000 } });
  const b = start("b", [two, one]);
  await eventually("they see each other", () => stateOf(b, "a") === "alive", WAIT_MS);
  const stopped = a.pid ?? 0;
  process.kill(stopped, "SIGSTOP");
  await eventually("it is gone", () => !isAlive(stopped), WAIT_MS);
  await eventually("another one is there", () => a.pid !== stopped && a.problem === null, WAIT_MS);
  expect(a.restarts).toBe(1);
  await eventually("b sees it again", () => stateOf(b, "a") === "alive", WAIT_MS);
  const epochs = b.members.filter(({ id }) => id === "a").map(({ meta }) => meta.epoch);
  expect(epochs).toHaveLength(1);
});

test("health of each node reaches every other one", async () => {
  const [one = 0, two = 0] = await freePorts(2);
  const a = start("a", [one, two]);
  const b = start("b", [two, one]);
  let known: NodeHealth | null = null;
  await eventually(
    "b knows how a is, and how far a is from it",
    () => {
      void b.status().then(({ details }) => {
        known = details.members.find(({ nodeId }) => nodeId === "a")?.load ?? null;
      });
      return known?.links.some(({ nodeId }) => nodeId === "b") === true;
    },
    WAIT_MS,
  );
  expect(known).toMatchObject({ requestsPerSecond: 0, errorRate: 0 });
  expect((await a.status()).details.members.map(({ nodeId }) => nodeId)).toEqual(["a", "b"]);
});

test("told to leave, it is left to the others; then there is nothing to ask", async () => {
  const [one = 0, two = 0] = await freePorts(2);
  const a = start("a", [one, two]);
  const b = start("b", [two, one]);
  await eventually("they see each other", () => stateOf(b, "a") === "alive", WAIT_MS);
  const { pid } = a;
  await a.leave(200);
  expect(isAlive(pid ?? 0)).toBe(false);
  await eventually("b has heard it", () => stateOf(b, "a") === "left", WAIT_MS);
  expect(a.restarts).toBe(0);
  expect(await a.status()).toMatchObject({
    cluster_health: "NOT HEALTHY",
    details: { problem: "This gateway has left its cluster." },
  });
  await expect(a.rotateKey({ step: "use", id: 1, key: null })).rejects.toMatchObject({
    code: "upstream-unavailable",
  });
});
