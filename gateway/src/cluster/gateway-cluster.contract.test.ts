/** The parent's side of the cluster over real gossip processes, without the rest of a gateway. */
import { randomBytes } from "node:crypto";
import type { ConfigDocument } from "@bifrost/shared/domain/config-document";
import { configVersion } from "@bifrost/shared/domain/config-version";
import { createServer } from "node:net";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { GossipKey } from "../gossip/keyring.ts";
import { keyPair } from "../gossip-config/testing/config-mesh.ts";
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
    signing = {},
    ...options
  }: Partial<GatewayClusterOptions> & {
    readonly keys?: readonly GossipKey[];
    readonly signing?: { readonly configSigningKey?: string; readonly configPublicKey?: string };
  } = {},
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
        ...signing,
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

test("configuration that one gateway's store holds reaches the others, signed, and a process that is new too", async () => {
  const { privatePem: configSigningKey, publicPem: configPublicKey } = keyPair();
  const ports = await freePorts(2);
  const writer = start("writer", ports, { signing: { configSigningKey, configPublicKey } });
  const reader = start("reader", ports.toReversed(), { signing: { configPublicKey } });
  let documents: readonly ConfigDocument[] = [
    { id: "shop.test", version: configVersion(Date.now()), value: { projectId: "p" } },
  ];
  const offerAll = (): void => {
    const asOf = configVersion(Date.now());
    const own = { kind: "routes", documents, removed: [], isAll: true, asOf };
    writer.tell({ kind: "own-config", own });
  };
  const stopped: string[] = [];
  const stop = () => void stopped.push("stopped");
  writer.onConfig({ take: () => undefined, offerAll, stop });
  const heard = new Map<string, ConfigDocument>();
  reader.onConfig({
    take: (told) => told.forEach(({ document }) => heard.set(document.id, document)),
    offerAll: () => undefined,
    stop: () => undefined,
  });
  if (writer.problem === null) offerAll();
  await eventually("the reader hears of it", () => heard.has("shop.test"), WAIT_MS);
  expect(heard.get("shop.test")).toEqual(documents[0]);
  expect((await reader.status()).details.config).toEqual({ routes: documents[0]?.version });

  documents = [{ id: "shop.test", version: configVersion(Date.now()), value: { projectId: "q" } }];
  process.kill(writer.pid ?? 0, "SIGKILL");
  await eventually(
    "the new process tells",
    () => heard.get("shop.test")?.value?.["projectId"] === "q",
    WAIT_MS,
  );
  expect(stopped).toEqual([]);
  await writer.leave(0);
  expect(stopped).toEqual(["stopped"]);
});

/** A data plane that says what it used, and hears what others did. */
function joinPlane(cluster: GatewayCluster, plane: number) {
  const heard: number[] = [];
  cluster.limits.join(plane, (message) => {
    if (message.kind === "elsewhere") heard.push(...message.shared.map(({ spent }) => spent));
  });
  cluster.limits.heard(plane, { kind: "up" });
  return {
    use(spent: number): void {
      const use = { scope: "s", key: "k", spent, asked: spent, rate: 1000, burst: 1000 };
      cluster.limits.heard(plane, { kind: "used", shared: [use], split: [] });
    },
    get spentElsewhere(): number {
      return heard.reduce((sum, spent) => sum + spent, 0);
    },
  };
}

test("what one node's data planes use of a limit the others' hear, also after their gossip process was replaced", async () => {
  const [one = 0, two = 0] = await freePorts(2);
  const a = start("a", [one, two]);
  const b = start("b", [two, one]);
  const [here, there] = [joinPlane(a, 1), joinPlane(b, 1)];
  await eventually("they see each other", () => stateOf(a, "b") === "alive", WAIT_MS);
  await eventually("b sees a", () => stateOf(b, "a") === "alive", WAIT_MS);
  here.use(7);
  // A key that a plane has not used itself is none of its business.
  there.use(1);
  await eventually("b has heard of 7", () => there.spentElsewhere >= 7, WAIT_MS);
  const { pid } = b;
  process.kill(pid ?? 0, "SIGKILL");
  await eventually("another one is there", () => b.pid !== pid && b.problem === null, WAIT_MS);
  await eventually("a sees it", () => stateOf(a, "b") === "alive", WAIT_MS);
  await eventually("it sees a", () => stateOf(b, "a") === "alive", WAIT_MS);
  const before = there.spentElsewhere;
  there.use(1);
  here.use(5);
  await eventually("b has heard of 5 more", () => there.spentElsewhere >= before + 5, WAIT_MS);
});

test("while no gossip process can be had, the data planes of one gateway share their limits", async () => {
  const [port = 0, other = 0] = await freePorts(2);
  const holder = createServer().listen(port, "127.0.0.1");
  const a = start("a", [port, other]);
  const [one, two] = [joinPlane(a, 1), joinPlane(a, 2)];
  await eventually("it has said why", () => a.problem?.includes(String(port)) === true, WAIT_MS);
  two.use(1);
  one.use(7);
  await eventually("the other has heard of 7", () => two.spentElsewhere >= 7, WAIT_MS);
  holder.close();
  await eventually("it listens", () => a.problem === null, WAIT_MS);
  two.use(1);
  one.use(5);
  await eventually("the other has heard of 5 more", () => two.spentElsewhere >= 12, WAIT_MS);
});
