import { type Logger, silentLogger } from "@bifrost/shared/ports/logger";
import { describe, expect, it } from "vitest";
import { keptLog } from "../testing/logged.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { GossipNode } from "./gossip-node.ts";
import { MemoryNetwork } from "./memory-transport.ts";

async function cluster(size: number, log?: Logger) {
  const timers = virtualTimers();
  const kept = keptLog();
  const net = new MemoryNetwork(timers);
  const transports = Array.from({ length: size }, (_, index) =>
    net.transport(`10.0.0.${index}:10101`),
  );
  const nodes = transports.map(
    (transport, index) =>
      new GossipNode({
        id: `n${index}`,
        meta: { region: "here", host: `h${index}`, control: "", version: "1", epoch: index + 1 },
        transport,
        timers,
        log: log ?? kept.log,
        seed: index,
      }),
  );
  for (const node of nodes) {
    await node.start();
    node.join(["10.0.0.0:10101"]);
  }
  await timers.advance(1000);
  const packets = (): number =>
    transports.reduce((sum, transport) => sum + transport.counters().packetsSent, 0);
  return { net, timers, nodes, packets, kept };
}

function seenBy(node: GossipNode) {
  return Object.fromEntries(node.members().map(({ id, state }) => [id, state]));
}

describe("a node of the cluster", () => {
  it("joins all others through one of them", async () => {
    const { nodes } = await cluster(3);
    for (const node of nodes)
      expect(seenBy(node)).toEqual({ n0: "alive", n1: "alive", n2: "alive" });
  });

  it("knows of a crash within a quarter of a second", async () => {
    const { net, timers, nodes } = await cluster(3);
    net.crash("10.0.0.2:10101");
    await timers.advance(250);
    for (const node of nodes.slice(0, 2)) {
      expect(node.members().find(({ id }) => id === "n2")).toMatchObject({
        state: "dead",
        evidence: "refused",
      });
    }
  });

  it("is missed by nobody once it has said goodbye", async () => {
    const { timers, nodes } = await cluster(3);
    const left = nodes[2]?.leave(100);
    await timers.advance(200);
    await left;
    for (const node of nodes.slice(0, 2)) expect(seenBy(node)["n2"]).toBe("left");
  });

  it("delivers a broadcast once to every other, and a message to one", async () => {
    const { timers, nodes } = await cluster(3);
    const got: string[] = [];
    for (const node of nodes) {
      node.on("health", {
        onMessage: (from, body) => got.push(`${from}>${node.self}:${body.join()}`),
      });
    }
    nodes[0]?.broadcast("health", Uint8Array.of(7));
    nodes[1]?.send("n2", "health", Uint8Array.of(8));
    await timers.advance(3000);
    expect(got.toSorted()).toEqual(["n0>n1:7", "n0>n2:7", "n1>n2:8"]);
  });

  it("shows a channel's whole state to a node that joins", async () => {
    const { timers, nodes } = await cluster(2);
    const got: string[] = [];
    nodes[0]?.on("config", { onMessage: () => undefined, state: () => Uint8Array.of(1, 2) });
    nodes[1]?.on("config", {
      onMessage: () => undefined,
      onState: (from, body) => void got.push(`${from}:${body.join()}`),
    });
    await timers.advance(60_000);
    expect(got[0]).toBe("n0:1,2");
  });

  it("answers a request of another member, and says when nobody does", async () => {
    const { timers, nodes } = await cluster(2);
    nodes[0]?.on("keys", { onMessage: () => undefined, onRequest: async (_from, body) => body });
    const ask = (id: string) => nodes[1]?.request(id, "keys", Uint8Array.of(5), 100);
    const answer = ask("n0");
    await timers.advance(50);
    expect(await answer).toEqual(Uint8Array.of(5));
    await expect(ask("n7")).rejects.toThrow('No member is called "n7".');
  });

  it("says in its log why it answers a request with nothing", async () => {
    const logged: unknown[] = [];
    const error = (event: string, fields?: object) => void logged.push({ event, ...fields });
    const { timers, nodes } = await cluster(2, { ...silentLogger, error });
    nodes[0]?.on("keys", {
      onMessage: () => undefined,
      onRequest: async () => {
        throw new Error("no such key");
      },
    });
    const asking = nodes[1]?.request("n0", "keys", Uint8Array.of(5), 100);
    const ended = Promise.allSettled([asking]);
    await timers.advance(150);
    expect(await ended).toMatchObject([{ status: "rejected" }]);
    expect(logged).toContainEqual({
      event: "a request could not be answered",
      channel: 5,
      from: "n1",
      problem: "no such key",
    });
  });

  it("takes along what a channel has to tell in packets that go anyway, and sends none for it", async () => {
    const quiet = await cluster(3);
    const told = await cluster(3);
    const got = new Set<string>();
    let asked = 0;
    for (const node of told.nodes) {
      node.on("traffic", { onMessage: () => undefined, rider: () => null });
      node.on("health", {
        onMessage: (from, body) => void got.add(`${from}>${node.self}:${body.join()}`),
        rider: (to, mostBytes) => {
          asked++;
          return mostBytes < 100 ? null : Uint8Array.of(Number(to.slice(1)));
        },
      });
    }
    for (const { timers } of [quiet, told]) await timers.advance(10_000);
    expect(got.size).toBe(6);
    expect(got).toContain("n2>n1:1");
    expect(asked).toBeGreaterThan(6);
    expect(told.packets()).toBe(quiet.packets());
  });

  it("refuses a message that does not fit a packet", async () => {
    const { nodes } = await cluster(1);
    const [node] = nodes;
    expect(() => node?.broadcast("health", new Uint8Array(1400))).toThrow(
      "1400 bytes; 1311 fit a packet",
    );
  });

  it("says that it joined when the others came to it, too", async () => {
    const { kept } = await cluster(3);
    const joined = kept.lines.filter(({ event }) => event.startsWith("successfully joined"));
    expect(joined).toHaveLength(3);
  });

  it("tells once a minute of an address that nobody answers at", async () => {
    const { timers, nodes, kept } = await cluster(1);
    nodes[0]?.join(["10.0.0.9:10101"]);
    const told = () => kept.events().filter((event) => event === "failed to join cluster").length;
    await timers.advance(30_000);
    expect(told()).toBe(1);
    await timers.advance(60_000);
    expect(told()).toBe(2);
  });

  it("tells once a minute of another node that has its name", async () => {
    const { net, timers, kept } = await cluster(2);
    const impostor = new GossipNode({
      id: "n1",
      meta: { region: "here", host: "h", control: "", version: "1", epoch: 9 },
      transport: net.transport("10.0.0.7:10101"),
      timers,
      log: silentLogger,
      seed: 7,
    });
    await impostor.start();
    impostor.join(["10.0.0.0:10101"]);
    await timers.advance(30_000);
    const told = kept.lines.filter(({ event }) => event === "two nodes use one node id");
    const kinds = new Set(told.map(({ fields }) => JSON.stringify(fields))).size;
    expect(kinds).toBeGreaterThan(0);
    // By each of the two at most.
    expect(told.length).toBeLessThanOrEqual(2 * kinds);
  });

  it("says what is wrong with a node id", () => {
    const timers = virtualTimers();
    const net = new MemoryNetwork(timers);
    const meta = { region: "", host: "", control: "", version: "", epoch: 1 };
    const transport = net.transport("10.0.0.1:1");
    expect(
      () => new GossipNode({ id: "a b", meta, transport, timers, log: silentLogger, seed: 1 }),
    ).toThrow('The node id "a b" is not');
  });
});
