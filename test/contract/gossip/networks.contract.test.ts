/** What nodes make of networks that fail: real sockets between network namespaces, cables pulled, packets dropped. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";
import { buildPrograms, type BuiltPrograms } from "@bifrost/gateway/testing/worker-program";
import { until } from "../../support/until.ts";
import { allAlive, NodeProcess } from "./node-processes.ts";
import { addressOf, lacksNetworks, TestNetwork } from "./test-network.ts";

const PROGRAM = "gossip/testing/node-program";
const PORT = 10101;
const KEY = randomBytes(32).toString("base64");
/** Longer than the suspicion of a silent member takes when nobody speaks for it. */
const WATCH_MS = 8_000;
let programs: BuiltPrograms;
let missing: string | null;
beforeAll(async () => {
  missing = lacksNetworks();
  programs = await buildPrograms(PROGRAM);
});
afterAll(() => programs.remove());

interface Cluster {
  readonly network: TestNetwork;
  readonly nodes: readonly NodeProcess[];
}

async function cluster(context: TestContext, size: number): Promise<Cluster> {
  if (missing !== null) context.skip(missing);
  const network = new TestNetwork();
  const nodes: NodeProcess[] = [];
  context.onTestFinished(() => {
    for (const node of nodes) node.signal("SIGKILL");
    network.remove();
  });
  for (let host = 1; host <= size; host++) {
    network.addHost();
    const input = {
      id: `node-${host}`,
      bindAddress: addressOf(host),
      port: PORT,
      join: [`${addressOf(1)}:${PORT}`],
      key: KEY,
    };
    nodes.push(new NodeProcess(programs.script(PROGRAM), input, network.prefix(host)));
  }
  await allAlive(nodes);
  return { network, nodes };
}

const deaths = (nodes: readonly NodeProcess[]) =>
  nodes.flatMap(({ changes }) => changes).filter(({ state }) => state === "dead");

function hasLine(logged: readonly string[], text: string): boolean {
  return logged.some((line) => line.includes(text) && line.includes(addressOf(3)));
}

// Each has a network of its own, and waits most of its time.
describe.concurrent("a network that fails", () => {
  test("a host that is lost is dead as unreachable, and back when its cable is", async (context) => {
    const { network, nodes } = await cluster(context, 4);
    const others = nodes.slice(0, 3);
    network.unplug(4);
    await until(() => others.every((node) => node.stateOf("node-4") === "dead"), { everyMs: 10 });
    for (const node of others) expect(node.first("node-4", "dead")?.evidence).toBe("unreachable");
    network.plugIn(4);
    await allAlive(nodes);
  });

  test("a node that one other cannot hear is kept alive by the rest", async (context) => {
    const { network, nodes } = await cluster(context, 4);
    network.drop(1, `ip saddr ${addressOf(2)}`);
    await sleep(WATCH_MS);
    expect(deaths(nodes)).toEqual([]);
  });

  test("where UDP is blocked everybody stays alive over TCP, and the log says so", async (context) => {
    const { network, nodes } = await cluster(context, 3);
    network.drop(3, `udp dport ${PORT}`);
    const says = (text: string) => nodes.slice(0, 2).every(({ logged }) => hasLine(logged, text));
    await until(() => says("packets go over TCP"), { timeoutMs: 60_000, everyMs: 20 });
    expect(deaths(nodes)).toEqual([]);
    network.dropNothing(3);
    await until(() => says("over UDP again"), { timeoutMs: 60_000, everyMs: 20 });
  });

  test("a fifth of all packets lost everywhere kills nobody", async (context) => {
    const { network, nodes } = await cluster(context, 4);
    for (let host = 1; host <= 4; host++) network.drop(host, "numgen random mod 1000 < 200");
    await sleep(WATCH_MS);
    expect(deaths(nodes)).toEqual([]);
  });

  test("two halves that were cut apart until each took the other for dead meet again", async (context) => {
    const { network, nodes } = await cluster(context, 4);
    const halves = [
      [1, 2],
      [3, 4],
    ] as const;
    for (const host of halves[0])
      network.drop(host, `ip saddr { ${halves[1].map(addressOf).join(", ")} }`);
    for (const host of halves[1])
      network.drop(host, `ip saddr { ${halves[0].map(addressOf).join(", ")} }`);
    const isSplit = () => deaths(nodes).length >= 8;
    await until(isSplit, { what: "both halves alone", everyMs: 20 });
    for (const host of [1, 2, 3, 4]) network.dropNothing(host);
    await allAlive(nodes);
  });
});
