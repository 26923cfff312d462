/** Over real sockets: every node of these clusters seals with what its own keyring says. */
import { randomBytes } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { GossipNode } from "./gossip-node.ts";
import { KeyRotation } from "./key-rotation.ts";
import { Keyring, type GossipKey } from "./keyring.ts";
import { udpTransport } from "./testing/udp-world.ts";

const WAIT = { timeout: 15_000, interval: 10 };
const OLD: GossipKey = { id: 1, key: randomBytes(32) };
const NEW: GossipKey = { id: 2, key: randomBytes(32) };
const text = ({ key }: GossipKey) => Buffer.from(key).toString("base64");
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

interface Node {
  readonly gossip: GossipNode;
  readonly keyring: Keyring;
  readonly rotation: KeyRotation;
  readonly address: string;
  readonly logged: string[];
}

async function node(id: string, keys: readonly GossipKey[] = [OLD]): Promise<Node> {
  const keyring = new Keyring(keys);
  const transport = udpTransport({ keyring });
  const logged: string[] = [];
  const log = (event: string, fields?: object) =>
    void logged.push(`${event} ${JSON.stringify(fields)}`);
  const logger = { ...silentLogger, info: log, warn: log, error: log, debug: log };
  const gossip = new GossipNode({
    id,
    meta: { region: "", host: "", control: "", version: "1", epoch: ends.length },
    transport,
    timers: systemTimers,
    log: silentLogger,
    seed: ends.length,
  });
  const rotation = new KeyRotation({
    membership: gossip,
    keyring,
    timers: systemTimers,
    log: logger,
  });
  await gossip.start();
  ends.push(() => gossip.stop());
  return { gossip, keyring, rotation, address: transport.localAddress, logged };
}

const statesOf = ({ gossip }: Node) =>
  Object.fromEntries(gossip.members().map(({ id, state }) => [id, state]));

async function cluster(...ids: readonly string[]): Promise<Node[]> {
  const nodes = await Promise.all(ids.map((id) => node(id)));
  await join(nodes);
  return nodes;
}

async function join(nodes: readonly Node[]): Promise<void> {
  for (const { gossip } of nodes) gossip.join([nodes[0]?.address ?? ""]);
  const all = Object.fromEntries(nodes.map(({ gossip }) => [gossip.self, "alive"]));
  await vi.waitFor(() => {
    for (const each of nodes) expect(statesOf(each)).toEqual(all);
  }, WAIT);
}

async function steps({ rotation }: Node): Promise<void> {
  await rotation.rotate({ step: "install", id: NEW.id, key: text(NEW) });
  await rotation.rotate({ step: "use", id: NEW.id, key: null });
  await rotation.rotate({ step: "remove", id: OLD.id, key: null });
}

test("a new key takes the place of the old one at every node, and nobody is lost meanwhile", async () => {
  const nodes = await cluster("a", "b", "c");
  const changes: string[] = [];
  for (const { gossip } of nodes)
    gossip.onChange(({ id, state }) => changes.push(`${id} ${state}`));
  const [first, , last] = nodes;
  if (first === undefined || last === undefined) throw new Error("three nodes");
  await steps(first);
  await vi.waitFor(() => {
    for (const { keyring } of nodes)
      expect([keyring.ids, keyring.primary]).toEqual([[NEW.id], NEW.id]);
  }, WAIT);
  expect(first.rotation.keys()).toEqual([
    { id: NEW.id, isPrimary: true, installedAt: ["a", "b", "c"] },
  ]);
  const got: string[] = [];
  last.gossip.on("health", { onMessage: (from) => void got.push(from) });
  first.gossip.broadcast("health", Buffer.from("x"));
  await vi.waitFor(() => expect(got).toEqual(["a"]), WAIT);
  expect(changes).toEqual([]);
  expect(nodes.flatMap(({ logged }) => logged).join("\n")).not.toContain(text(NEW).slice(0, 20));
});

test("after the rotation a node with the old key alone is a stranger", async () => {
  const nodes = await cluster("a", "b");
  const [first] = nodes;
  if (first === undefined) throw new Error("two nodes");
  await steps(first);
  await vi.waitFor(() => expect(first.keyring.ids).toEqual([NEW.id]), WAIT);
  const transport = udpTransport({ keyring: new Keyring([OLD]) });
  await transport.start({
    onPacket() {},
    onRequest: async (_, body) => body,
    onRefused() {},
    onDoubt() {},
  });
  ends.push(() => transport.stop());
  await expect(transport.request(first.address, Buffer.from("x"), 5_000)).rejects.toThrow(
    /lacks the key/,
  );
  expect(statesOf(first)).toEqual({ a: "alive", b: "alive" });
});

test("a node that joins between two steps learns what the cluster has", async () => {
  const [first] = await cluster("a", "b");
  if (first === undefined) throw new Error("two nodes");
  await first.rotation.rotate({ step: "install", id: NEW.id, key: text(NEW) });
  await first.rotation.rotate({ step: "use", id: NEW.id, key: null });
  const late = await node("late");
  late.gossip.join([first.address]);
  await vi.waitFor(() => {
    expect([late.keyring.ids, late.keyring.primary]).toEqual([[OLD.id, NEW.id], NEW.id]);
    expect(statesOf(first)).toEqual({ a: "alive", b: "alive", late: "alive" });
  }, WAIT);
  await first.rotation.rotate({ step: "remove", id: OLD.id, key: null });
  await vi.waitFor(() => expect(late.keyring.ids).toEqual([NEW.id]), WAIT);
});

test("no step is done while a live node does not acknowledge it", async () => {
  const [first, second] = await cluster("a", "b");
  if (first === undefined || second === undefined) throw new Error("two nodes");
  const { rotation } = first;
  await expect(rotation.rotate({ step: "use", id: NEW.id, key: null })).rejects.toThrow(
    /no gossip key 2 at this node, which has 1; install it first/,
  );
  await rotation.rotate({ step: "install", id: NEW.id, key: text(NEW) });
  await expect(rotation.rotate({ step: "remove", id: OLD.id, key: null })).rejects.toThrow(
    /key 1 is the one that seals; use another one first/,
  );
  // It goes without a word: until the others know, it counts as one that has to answer.
  await second.gossip.stop();
  await expect(rotation.rotate({ step: "use", id: NEW.id, key: null })).rejects.toThrow(
    /these have not: b/,
  );
  expect(first.keyring.primary).toBe(OLD.id);
  await vi.waitFor(() => expect(statesOf(first)["b"]).toBe("dead"), WAIT);
  await rotation.rotate({ step: "use", id: NEW.id, key: null });
  expect(first.keyring.primary).toBe(NEW.id);
});

test("a key that is another one at some node is not used", async () => {
  const a = await node("a");
  const b = await node("b", [OLD, { id: NEW.id, key: randomBytes(32) }]);
  await join([a, b]);
  const asking = a.rotation.rotate({ step: "install", id: NEW.id, key: text(NEW) });
  await expect(asking).rejects.toThrow(/these have not: b/);
  await expect(a.rotation.rotate({ step: "use", id: NEW.id, key: null })).rejects.toThrow(/b/);
  expect([a.keyring.primary, b.keyring.primary]).toEqual([OLD.id, OLD.id]);
});

test("two rotations at once end with the same keys everywhere", async () => {
  const nodes = await cluster("a", "b", "c");
  const other: GossipKey = { id: 3, key: randomBytes(32) };
  const [first, second] = nodes;
  await Promise.allSettled([
    first?.rotation.rotate({ step: "install", id: NEW.id, key: text(NEW) }),
    second?.rotation.rotate({ step: "install", id: other.id, key: text(other) }),
  ]);
  await vi.waitFor(() => {
    const rings = new Set(nodes.map(({ keyring }) => keyring.ids.join()));
    expect(rings.size).toBe(1);
  }, WAIT);
  expect(nodes.map(({ keyring }) => keyring.primary)).toEqual([OLD.id, OLD.id, OLD.id]);
});

test("both sides of a partition that rotate to keys of the same number find back and agree", async () => {
  const [a, b] = [await node("a"), await node("b")];
  for (const { rotation } of [a, b]) {
    const key = randomBytes(32).toString("base64");
    await rotation.rotate({ step: "install", id: NEW.id, key });
    await rotation.rotate({ step: "use", id: NEW.id, key: null });
  }
  await join([a, b]);
  await vi.waitFor(() => {
    const prints = [a, b].map(({ keyring }) => keyring.ids.map((id) => keyring.fingerprint(id)));
    expect(prints[0]).toEqual(prints[1]);
  }, WAIT);
  // And the cluster can be rotated again.
  await a.rotation.rotate({ step: "install", id: 3, key: randomBytes(32).toString("base64") });
  await a.rotation.rotate({ step: "use", id: 3, key: null });
  expect([a.keyring.primary, b.keyring.primary]).toEqual([3, 3]);
}, 30_000);

test("two rotations at once to different keys of one number end with the same key everywhere", async () => {
  const nodes = await cluster("a", "b", "c");
  await Promise.allSettled(
    nodes.map(({ rotation }) => {
      const key = randomBytes(32).toString("base64");
      return rotation.rotate({ step: "install", id: NEW.id, key });
    }),
  );
  const [first] = nodes;
  await vi.waitFor(async () => {
    // Whoever made the ring that holds tells it to all who missed it with its next step.
    await first?.rotation.rotate({ step: "install", id: 3, key: text({ ...NEW, id: 3 }) });
    const prints = nodes.map(({ keyring }) => keyring.ids.map((id) => keyring.fingerprint(id)));
    expect(prints).toEqual([prints[0], prints[0], prints[0]]);
  }, WAIT);
});

test("removing a key says who may need it: nodes that are away", async () => {
  const [first, second] = await cluster("a", "b");
  if (first === undefined || second === undefined) throw new Error("two nodes");
  await second.gossip.stop();
  await vi.waitFor(() => expect(statesOf(first)["b"]).toBe("dead"), WAIT);
  await steps(first);
  expect(first.logged.at(-1)).toMatch(/nodes which are away.*"b".*BIFROST_GOSSIP_KEYS/);
});

test("one side of a partition that rotated takes in the other one, which knows nothing of it", async () => {
  const [a, b] = [await node("a"), await node("b")];
  await a.rotation.rotate({ step: "install", id: NEW.id, key: text(NEW) });
  await a.rotation.rotate({ step: "use", id: NEW.id, key: null });
  await join([b, a]);
  await vi.waitFor(() => expect([b.keyring.ids, b.keyring.primary]).toEqual([[1, 2], 2]), WAIT);
});

test("a node that is started anew in the middle with the new key alone finds back", async () => {
  const [a] = await cluster("a", "b");
  if (a === undefined) throw new Error("two nodes");
  await a.rotation.rotate({ step: "install", id: NEW.id, key: text(NEW) });
  const late = await node("late", [NEW]);
  late.gossip.join([a.address]);
  await vi.waitFor(() => {
    expect(statesOf(late)).toEqual({ a: "alive", b: "alive", late: "alive" });
    expect([late.keyring.ids, late.keyring.primary]).toEqual([[OLD.id, NEW.id], OLD.id]);
  }, WAIT);
});

test.each([
  [null, "0 bytes"],
  ["c2hvcnQ=", "5 bytes"],
])("a key of %j is refused", async (key, found) => {
  const a = await node("a");
  await expect(a.rotation.rotate({ step: "install", id: 9, key })).rejects.toThrow(
    new RegExp(`key 9 must be 32 bytes in base64.*found ${found}`),
  );
  expect(a.keyring.ids).toEqual([OLD.id]);
});
