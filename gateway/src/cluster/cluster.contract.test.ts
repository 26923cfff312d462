/** Gateways as they are shipped, as nodes of one cluster: what each sees when another one, or a part of it, ends. */
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { WAIT_MS } from "../testing/cluster-rig.ts";
import { freePorts, GatewayClusterRig } from "../testing/gateway-cluster.ts";
import { GatewayPrograms } from "../testing/gateway-program.ts";
import { HOST } from "../testing/proxy-rig.ts";
import { Load } from "../testing/load.ts";
import { eventually } from "../testing/test-gateway.ts";

let programs: GatewayPrograms;
let rig: GatewayClusterRig;
beforeAll(async () => {
  programs = await GatewayPrograms.build();
  rig = new GatewayClusterRig(programs);
});
afterEach(() => programs.stopAll());
afterAll(async () => {
  await programs.close();
  rig.close();
});

test("three gateways form a cluster, and one whose gossip process is killed comes back while it serves", async () => {
  const [a, b, c] = await rig.start("a", "b", "c");
  if (a === undefined || b === undefined || c === undefined) throw new Error("unreachable");
  expect(await a.ask("/cluster/status", null)).toEqual({
    local_node: "a",
    members: 3,
    healthy_members: 3,
    cluster_health: "HEALTHY",
  });
  const { details } = await a.status();
  expect(details).toMatchObject({ problem: null, transport: "mesh", encrypted: true });
  expect(details?.members.map(({ nodeId }) => nodeId).toSorted()).toEqual(["a", "b", "c"]);
  expect(details?.members.find(({ nodeId }) => nodeId === "b")?.control).toBe(
    `127.0.0.1:${b.program.controlPort}`,
  );

  const load = new Load(b.program.port, 4);
  const { local_node: teller, routes } = await a.untilHears("b", 50);
  expect([teller, routes.map(({ route }) => route)]).toEqual(["a", [`${HOST}/`]]);
  const killed = await b.gossipPid(1);
  process.kill(killed, "SIGKILL");
  // Its successor may be back before anyone has asked, so it is the log that shows what they saw.
  expect(await b.gossipPid(2)).not.toBe(killed);
  for (const node of [a, b, c]) await node.untilSees("b", /^alive$/);
  for (const node of [a, c]) {
    await eventually("the end was seen", () => sawTheEndOf("b", node), WAIT_MS);
  }
  const before = load.answered;
  await eventually("it serves on", () => load.answered > before + 100, WAIT_MS);
  await load.stop();
  expect(load.lost).toEqual([]);
});

function sawTheEndOf(nodeId: string, node: { logged(text: string): readonly object[] }): boolean {
  return node.logged("node marked as suspect").some((line) => Object.values(line).includes(nodeId));
}

test("a gateway that is killed is dead to the others, one that is told to end has left", async () => {
  const [a, b, c] = await rig.start("a", "b", "c");
  if (a === undefined || b === undefined || c === undefined) throw new Error("unreachable");
  const killedAt = performance.now();
  c.program.child.kill("SIGKILL");
  await Promise.all([a, b].map((node) => node.untilSees("c", /^dead \(refused\)$/)));
  // Recorded, not judged: this machine may be busy with other things.
  console.log(`dead to both others after ${Math.round(performance.now() - killedAt)} ms`);
  expect(await a.status(null)).toMatchObject({
    members: 3,
    healthy_members: 2,
    cluster_health: "NOT HEALTHY",
  });
  b.program.child.kill("SIGTERM");
  await a.untilSees("b", /^left$/);
  expect(await b.program.ended).toBe(0);
});

test("a gateway whose gossip port is taken serves, says why, and joins once the port is free", async () => {
  const [port = 0, other = 0] = await freePorts(2);
  const holder = createServer().listen(port, "127.0.0.1");
  const a = await rig.startNode("a", port, [port, other]);
  const load = new Load(a.program.port, 1);
  await eventually("it serves", () => load.answered > 10, WAIT_MS);
  await load.stop();
  await eventually("it says so", () => a.logged("gossip process ended").length > 0, WAIT_MS);
  const why = expect.stringContaining(String(port)) as unknown;
  expect(a.logged("gossip process ended").at(0)).toMatchObject({ problem: why });
  expect(await a.ask("/ready")).toMatchObject({ ready: true, details: { cluster: why } });
  expect(await a.status()).toMatchObject({
    cluster_health: "NOT HEALTHY",
    details: { problem: why },
  });
  holder.close();
  const b = await rig.startNode("b", other, [port, other]);
  await Promise.all([a.untilSees("b", /^alive$/), b.untilSees("a", /^alive$/)]);
  expect(await a.ask("/ready")).not.toHaveProperty("details");
});
