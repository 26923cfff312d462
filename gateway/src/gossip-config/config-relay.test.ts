import type { ConfigDocument } from "@bifrost/shared/domain/config-document";
import {
  type ConfigVersion,
  configVersion,
  NO_VERSION,
  versionAfter,
} from "@bifrost/shared/domain/config-version";
import {
  array,
  assert,
  asyncProperty,
  boolean,
  integer,
  nat,
  oneof,
  record,
  constant,
} from "fast-check";
import { describe, expect, test } from "vitest";
import { virtualTimers, type VirtualTimers } from "../testing/virtual-timers.ts";
import { ConfigSigner, encodeEntries } from "./signed-entry.ts";
import { ConfigMesh, keyPair, LABEL, settled } from "./testing/config-mesh.ts";

const keys = keyPair();
const NOW = 1_800_000_000_000;

function mesh(options: Partial<ConstructorParameters<typeof ConfigMesh>[0]> = {}) {
  const timers = virtualTimers(NOW);
  return { timers, mesh: new ConfigMesh({ nodes: 3, keys, timers, ...options }) };
}

function route(id: string, ms: number, value: ConfigDocument["value"] = {}): ConfigDocument {
  return { id, version: configVersion(ms), value };
}

function offer(to: ConfigMesh, at: number, documents: readonly ConfigDocument[], rest = {}): void {
  const asOf = documents.reduce(
    (last, { version }) => (version > last ? version : last),
    NO_VERSION,
  );
  const own = { kind: "routes", documents, removed: [], isAll: true, asOf, ...rest };
  to.nodes[at]?.relay.offer(own);
}

function told(of: ConfigMesh, at: number, id: string): ConfigDocument | undefined {
  return of.nodes[at]?.told.get(`routes/${id}`)?.document;
}

/** What the spread of a broadcast waits for. */
function pass(timers: VirtualTimers): Promise<void> {
  return timers.advance(50);
}

describe("a change", () => {
  test("gets to every node by one broadcast, whoever hears of it first", async () => {
    const { timers, mesh: nodes } = mesh();
    offer(nodes, 0, [route("a", NOW, { projectId: "p" })]);
    await pass(timers);
    for (const at of [1, 2]) expect(told(nodes, at, "a")?.value).toEqual({ projectId: "p" });
    expect(nodes.messages).toBe(2);
  });

  test("that is too large for a message is announced and fetched", async () => {
    const { timers, mesh: nodes } = mesh();
    offer(nodes, 0, [route("a", NOW, { source: "x".repeat(60_000) })]);
    await pass(timers);
    await settled();
    expect(told(nodes, 2, "a")?.value).toEqual({ source: "x".repeat(60_000) });
  });

  test("that was made long ago is no news: push-pull brings it", async () => {
    const { timers, mesh: nodes } = mesh();
    offer(nodes, 0, [route("a", NOW - 60_000)]);
    await pass(timers);
    expect(nodes.messages).toBe(0);
    await nodes.pushPull(0, 1);
    expect(told(nodes, 1, "a")).toBeDefined();
  });

  test("gets past a node that was cut off once it is back, many documents in one comparison", async () => {
    const { mesh: nodes } = mesh();
    const many = Array.from({ length: 3000 }, (_, at) => route(`r${at}`, NOW - at));
    offer(nodes, 0, many);
    await nodes.pushPull(0, 1);
    expect(nodes.nodes[1]?.told.size).toBe(3000);
    const before = nodes.requests;
    await nodes.pushPull(0, 1);
    expect(nodes.requests).toBe(before);
    offer(nodes, 0, [route("r7", NOW)], { isAll: false });
    await nodes.pushPull(0, 1);
    // Both sides ask.
    expect(nodes.requests - before).toBe(4);
    expect(told(nodes, 1, "r7")?.version).toBe(configVersion(NOW));
  });
});

describe("a deletion", () => {
  test("stays known: an old value does not come back with a node that missed it", async () => {
    const { timers, mesh: nodes } = mesh();
    offer(nodes, 0, [route("a", NOW)]);
    await pass(timers);
    nodes.cut.add(2);
    offer(nodes, 0, [route("a", NOW + 1, null)], { isAll: false });
    await pass(timers);
    nodes.cut.clear();
    await nodes.pushPullAll();
    for (const at of [0, 1, 2]) expect(told(nodes, at, "a")?.value).toBeNull();
  });

  test("that a store tells by leaving a document out is the same entry at every node", async () => {
    const { timers, mesh: nodes } = mesh();
    for (const at of [0, 1]) offer(nodes, at, [route("a", NOW), route("b", NOW)]);
    await pass(timers);
    for (const at of [0, 1]) {
      const asOf = configVersion(NOW + 5);
      offer(nodes, at, [], { removed: ["a"], isAll: false, asOf });
    }
    await pass(timers);
    await nodes.pushPullAll();
    const [first, ...others] = nodes.versions();
    for (const other of others) expect(other).toEqual(first);
    expect(told(nodes, 2, "a")?.value).toBeNull();
    expect(told(nodes, 2, "b")?.value).toEqual({});
  });

  test("is found by a node whose store has forgotten what another one still holds", async () => {
    const { timers, mesh: nodes } = mesh();
    offer(nodes, 2, [route("a", NOW - 5)]);
    offer(nodes, 0, [], { asOf: configVersion(NOW) });
    await nodes.pushPull(0, 2);
    await pass(timers);
    await nodes.pushPullAll();
    for (const at of [0, 1, 2]) expect(told(nodes, at, "a")?.value).toBeNull();
  });

  test("follows from nothing when a store has told only changes", () => {
    const { mesh: nodes } = mesh();
    nodes.nodes[0]?.handlers.onMessage("1", framed(signer.sign("routes", route("a", NOW - 5))));
    offer(nodes, 0, [route("b", NOW)], { isAll: false });
    expect(told(nodes, 0, "a")?.value).toEqual({});
  });
});

const signer = new ConfigSigner(keys.privatePem, LABEL);

function framed(...entries: readonly ReturnType<ConfigSigner["sign"]>[]): Uint8Array {
  return Buffer.concat([Uint8Array.of(1), encodeEntries(entries)]);
}

describe("what is not believed", () => {
  const honest = signer.sign("routes", route("a", NOW, { projectId: "p" }));
  const stranger = new ConfigSigner(keyPair().privatePem, LABEL);
  const elsewhere = new ConfigSigner(keys.privatePem, "other");

  test.each([
    ["an unsigned entry", { ...honest, signature: "" }],
    [
      "another signature",
      { ...honest, signature: stranger.sign("routes", route("a", NOW)).signature },
    ],
    ["the key of a stranger", stranger.sign("routes", route("a", NOW))],
    ["another cluster's entry", elsewhere.sign("routes", route("a", NOW))],
    ["another value", { ...honest, json: '{"projectId":"q"}' }],
    ["a deletion made of it", { ...honest, json: null }],
    ["a later version of it", { ...honest, version: configVersion(NOW + 1) }],
    ["another id", { ...honest, id: "b" }],
    ["another kind", { ...honest, kind: "projects" }],
    ["a clock far ahead", signer.sign("routes", route("a", NOW + 601_000))],
    [
      "the greatest version there is",
      signer.sign("routes", { id: "a", version: "f".repeat(16) as ConfigVersion, value: {} }),
    ],
  ])("%s is refused and counted", (_, entry) => {
    const { mesh: nodes } = mesh();
    nodes.nodes[0]?.handlers.onMessage("1", framed(entry));
    expect(nodes.nodes[0]?.told.size).toBe(0);
    expect(nodes.nodes[0]?.relay.counters()).toEqual({ documents: 0, refused: 1 });
  });

  test("a version ahead of this node's clock is taken when its time has come", async () => {
    const { timers, mesh: nodes } = mesh();
    offer(nodes, 0, [route("a", NOW + 900_000)]);
    await nodes.pushPull(0, 1);
    expect(told(nodes, 1, "a")).toBeUndefined();
    await timers.advance(400_000);
    await nodes.pushPull(0, 1);
    expect(told(nodes, 1, "a")).toBeDefined();
  });

  test("words that are none do no harm", () => {
    const { mesh: nodes } = mesh();
    for (const body of [
      "",
      "\u0001",
      "\u0001[]",
      '\u0001["routes"]',
      "\u0001{",
      "\u0002x",
      "\u0009",
    ]) {
      nodes.nodes[0]?.handlers.onMessage("1", Buffer.from(body));
      nodes.nodes[0]?.handlers.onState?.("1", Buffer.from(body));
    }
    expect(nodes.nodes[0]?.relay.counters()).toEqual({ documents: 0, refused: 0 });
  });
});

/** Whatever happens to a cluster of four whose nodes hear of changes from a store, or not. */
const event = oneof(
  record({ what: constant("change"), id: nat(5), node: nat(3), isDeletion: boolean() }),
  record({ what: constant("cut"), node: nat(3) }),
  record({ what: constant("heal") }),
  record({ what: constant("push-pull"), node: nat(3), other: nat(3) }),
  record({ what: constant("replay"), id: nat(20), node: nat(3) }),
  record({ what: constant("skew"), ms: integer({ min: -400_000, max: 400_000 }) }),
);

interface Step {
  readonly what: string;
  readonly id?: number;
  readonly node?: number;
  readonly other?: number;
  readonly ms?: number;
  readonly isDeletion?: boolean;
}

/** A store whose clock is not the nodes', and the cluster that hears of its changes. */
class Story {
  readonly newest = new Map<string, ConfigVersion>();
  readonly nodes: ConfigMesh;
  private readonly timers: VirtualTimers;
  private readonly sent: Uint8Array[] = [];
  private last = NO_VERSION;
  private skewMs = 0;

  constructor(arrives: () => boolean) {
    const made = mesh({ nodes: 4, arrives });
    this.nodes = made.mesh;
    this.timers = made.timers;
  }

  async play({ what, id = 0, node = 0, other = 0, ms = 0, isDeletion }: Step): Promise<void> {
    if (what === "skew") this.skewMs = ms;
    else if (what === "change") await this.change(`d${id}`, node, isDeletion === true);
    else if (what === "cut") this.nodes.cut.add(node);
    else if (what === "heal") this.nodes.cut.clear();
    else if (what === "push-pull") await this.nodes.pushPull(node, other);
    else this.replay(id, node);
    await settled();
  }

  private async change(id: string, node: number, isDeletion: boolean): Promise<void> {
    this.last = versionAfter(this.last, this.timers.now() + this.skewMs);
    const value = isDeletion ? null : { at: this.sent.length };
    const document = { id, version: this.last, value };
    this.newest.set(`routes/${id}`, this.last);
    this.sent.push(framed(signer.sign("routes", document)));
    offer(this.nodes, node, [document], { isAll: false });
    await pass(this.timers);
  }

  private replay(at: number, node: number): void {
    const old = this.sent[at % Math.max(1, this.sent.length)];
    if (old !== undefined) this.nodes.nodes[node]?.handlers.onMessage("0", old);
  }
}

test("whatever is lost, cut, repeated and skewed, all nodes end with the newest, and none ever goes back", async () => {
  const lucks = array(boolean(), { minLength: 1 });
  await assert(
    asyncProperty(array(event, { maxLength: 40 }), lucks, async (events, luck) => {
      let drawn = 0;
      const story = new Story(() => luck[drawn++ % luck.length] ?? true);
      for (const one of events) await story.play(one);
      story.nodes.cut.clear();
      await story.nodes.pushPullAll();
      await story.nodes.pushPullAll();
      for (const versions of story.nodes.versions()) expect(versions).toEqual(story.newest);
      for (const { backwards } of story.nodes.nodes) expect(backwards).toEqual([]);
    }),
    { numRuns: 100 },
  );
});
