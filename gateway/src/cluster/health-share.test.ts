import type { NodeHealth } from "@bifrost/shared/api/cluster";
import { beforeEach, expect, test } from "vitest";
import type { Member, NodeId } from "../gossip/member.ts";
import type { ChannelHandlers, Membership } from "../gossip/membership.ts";
import { testMember } from "../testing/cluster-parts.ts";
import { virtualTimers, type VirtualTimers } from "../testing/virtual-timers.ts";
import { HealthShare, isNews } from "./health-share.ts";

const CALM: NodeHealth = {
  cpu: 0.2,
  memoryBytes: 100 * 1024 ** 2,
  memoryLimitBytes: 1024 ** 3,
  eventLoopDelayMs: 3,
  requestsPerSecond: 100,
  errorRate: 0,
  links: [],
};

type Changed = Parameters<Membership["onChange"]>[0];

/** Nodes that know each other at once and lose what is sent while `isLossy`. */
class Hub {
  isLossy = false;
  readonly sent: { readonly from: NodeId; readonly to: NodeId; readonly bytes: number }[] = [];
  private readonly members: Member[] = [];
  private readonly nodes = new Map<NodeId, { handlers: ChannelHandlers[]; changed: Changed[] }>();

  add(id: NodeId, epoch: number): Membership {
    const member = testMember(id, { meta: { epoch } });
    const at = this.members.findIndex((other) => other.id === id);
    const [former = null] = at < 0 ? [] : this.members.splice(at, 1);
    this.members.push(member);
    const node = { handlers: [] as ChannelHandlers[], changed: [] as Changed[] };
    this.nodes.set(id, node);
    return {
      self: id,
      maxMessageBytes: 1300,
      members: () => this.members,
      onChange: (listener) => (node.changed.push(listener), () => undefined),
      // The others hear of it once it hears them.
      on: (_channel, handlers) => {
        node.handlers.push(handlers);
        for (const other of this.nodes.values()) {
          for (const listener of other.changed) listener(member, former);
        }
      },
      send: (to, _channel, body) => this.deliver(id, to, body),
      broadcast: () => undefined,
      request: () => Promise.reject(new Error("nobody asks here")),
    };
  }

  /** What push-pull does between two. */
  exchange(one: NodeId, other: NodeId): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const state = this.nodes.get(from)?.handlers[0]?.state?.() ?? new Uint8Array();
      if (state.length > 0) this.nodes.get(to)?.handlers[0]?.onState?.(from, state);
    }
  }

  remove(id: NodeId): void {
    this.members.splice(
      this.members.findIndex((member) => member.id === id),
      1,
    );
  }

  deliver(from: NodeId, to: NodeId, body: Uint8Array): void {
    this.sent.push({ from, to, bytes: body.length });
    if (!this.isLossy) this.nodes.get(to)?.handlers[0]?.onMessage(from, body);
  }
}

let clock: VirtualTimers;
let hub: Hub;
beforeEach(() => {
  clock = virtualTimers();
  hub = new Hub();
});

function join(id: NodeId, epoch = 1): HealthShare {
  return new HealthShare(hub.add(id, epoch), clock, epoch);
}

test("what one node measures all others know, and itself too", () => {
  const [a, b, c] = [join("a"), join("b"), join("c")];
  a.update(CALM);
  for (const node of [a, b, c]) expect(node.of("a")?.requestsPerSecond).toBe(100);
  expect(b.of("c")).toBeNull();
});

test("an idle node tells its health once and no more", () => {
  const a = join("a");
  join("b");
  for (let second = 0; second < 120; second++) {
    a.update({ ...CALM, cpu: CALM.cpu + (second % 3) / 100 });
    clock.jump(1000);
  }
  expect(hub.sent).toHaveLength(1);
  expect(hub.sent[0]?.bytes).toBeLessThan(40);
});

test("a busy node tells its changes, though not more often than every five seconds", () => {
  const [a, b] = [join("a"), join("b")];
  for (let second = 0; second < 60; second++) {
    a.update({ ...CALM, requestsPerSecond: 100 * 2 ** (second % 8) });
    clock.jump(1000);
  }
  expect(hub.sent.length).toBeGreaterThan(8);
  expect(hub.sent.length).toBeLessThanOrEqual(12);
  expect(b.of("a")?.requestsPerSecond).toBeGreaterThan(100);
});

test("whoever is new, or came back, is told at once", () => {
  const a = join("a");
  a.update(CALM);
  expect(join("b").of("a")?.requestsPerSecond).toBe(100);
  expect(join("b", 2).of("a")?.requestsPerSecond).toBe(100);
  expect(hub.sent.map(({ to }) => to)).toEqual(["b", "b"]);
});

test("what was lost comes with the next exchange of states", () => {
  const [a, b] = [join("a"), join("b")];
  hub.isLossy = true;
  a.update(CALM);
  expect(b.of("a")).toBeNull();
  hub.exchange("a", "b");
  expect(b.of("a")?.requestsPerSecond).toBe(100);
});

test("what comes late never replaces what is newer, nor what a later process says", () => {
  const [a, b] = [join("a"), join("b")];
  const late: Uint8Array[] = [];
  const deliver = hub.deliver.bind(hub);
  hub.deliver = (_from, _to, body) => void late.push(body);
  a.update(CALM);
  hub.deliver = deliver;
  clock.jump(5000);
  a.update({ ...CALM, requestsPerSecond: 500 });
  for (const body of late) deliver("a", "b", body);
  expect(b.of("a")?.requestsPerSecond).toBe(500);
  const next = join("a", 2);
  for (const body of late) deliver("a", "b", body);
  expect(b.of("a")?.requestsPerSecond).toBe(500);
  next.update({ ...CALM, requestsPerSecond: 7 });
  expect(b.of("a")?.requestsPerSecond).toBe(7);
});

test("nothing is kept of nodes that are forgotten", () => {
  const [a, b] = [join("a"), join("b")];
  a.update(CALM);
  hub.remove("a");
  b.update(CALM);
  expect(b.of("a")).toBeNull();
});

test.each<[string, Partial<NodeHealth>, boolean]>([
  ["the same", {}, false],
  ["a little more CPU", { cpu: 0.3 }, false],
  ["much more CPU", { cpu: 0.5 }, true],
  ["a hiccup of the event loop", { eventLoopDelayMs: 20 }, false],
  ["an event loop that is late", { eventLoopDelayMs: 200 }, true],
  ["a tenth more requests", { requestsPerSecond: 110 }, false],
  ["twice the requests", { requestsPerSecond: 200 }, true],
  ["no request any more", { requestsPerSecond: 0 }, true],
  ["errors", { errorRate: 0.1 }, true],
  ["memory", { memoryBytes: 400 * 1024 ** 2 }, true],
  ["another node", { links: [{ nodeId: "b", roundTripMs: 1, loss: 0 }] }, true],
])("%s: news?", (_what, change, news) => {
  expect(isNews(CALM, { ...CALM, ...change })).toBe(news);
});
