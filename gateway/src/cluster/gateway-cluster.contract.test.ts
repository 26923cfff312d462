/** The parent's side of the cluster over real gossip processes, without the rest of a gateway. */
import { randomBytes } from "node:crypto";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { GossipKey } from "../gossip/keyring.ts";
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

const NO_PLATFORM = {
  projectId: "",
  functionsUrl: "",
  identityToolkitUrl: "",
  firebaseApiKey: "",
  firestoreUrl: "",
  kubeconfig: null,
  metadataUrl: "",
  oidcIssuer: "",
  oidcCertificatesUrl: "",
};
const NO_TRAFFIC = { totals: null, planes: [], crashes: 0, kills: 0, crashLoops: 0 };

function start(
  nodeId: string,
  [port = 0, ...others]: readonly number[],
  {
    keys = [],
    ...options
  }: Partial<GatewayClusterOptions> & { readonly keys?: readonly GossipKey[] } = {},
): GatewayCluster {
  const { gossip } = testClusterConfig();
  const peers = others.map((other) => `127.0.0.1:${other}`);
  const cluster = new GatewayCluster({
    program: { script: programs.script("gossip-node"), nodeArguments: [], environment: {} },
    settings: {
      nodeId,
      config: testClusterConfig({ peers, gossip: { ...gossip, port } }),
      secrets: {
        gossipKeys: keys,
        configSigningKey: null,
        configPublicKey: null,
        consulToken: null,
        etcdCredentials: null,
      },
      host: "here",
      version: "0.0.0",
      platform: NO_PLATFORM,
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
  const known = await vi.waitFor(
    async () => {
      const { details } = await b.status();
      const load = details.members.find(({ nodeId }) => nodeId === "a")?.load;
      expect(load?.links.map(({ nodeId }) => nodeId)).toEqual(["b"]);
      return load;
    },
    { timeout: WAIT_MS },
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

async function keysOf(cluster: GatewayCluster): Promise<readonly number[]> {
  const { details } = await cluster.status();
  return details.keys.map(({ id }) => id);
}

test("keys that were rotated are those of the process that is started next, too", async () => {
  const [one = 0, two = 0] = await freePorts(2);
  const keys = [{ id: 1, key: randomBytes(32) }];
  const a = start("a", [one, two], { keys });
  const b = start("b", [two, one], { keys });
  await eventually("they see each other", () => stateOf(a, "b") === "alive", WAIT_MS);
  const key = randomBytes(32).toString("base64");
  await a.rotateKey({ step: "install", id: 2, key });
  await a.rotateKey({ step: "use", id: 2, key: null });
  await a.rotateKey({ step: "remove", id: 1, key: null });
  await vi.waitFor(async () => expect(await keysOf(b)).toEqual([2]), { timeout: WAIT_MS });
  const killed = b.pid ?? 0;
  process.kill(killed, "SIGKILL");
  await eventually("another one is there", () => b.pid !== killed && b.problem === null, WAIT_MS);
  await eventually("a sees it", () => stateOf(a, "b") === "alive", WAIT_MS);
  expect(await keysOf(b)).toEqual([2]);
  expect((await a.status()).details.keys).toEqual([
    { id: 2, isPrimary: true, installedAt: expect.arrayContaining(["a"]) as unknown },
  ]);
});
