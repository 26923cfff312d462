import type { NodeHealth } from "@bifrost/shared/api/cluster";
import { beforeEach, expect, test } from "vitest";
import type { Member, NodeId } from "../gossip/member.ts";
import type { ChannelHandlers, Membership } from "../gossip/membership.ts";
import { testMember } from "../testing/cluster-parts.ts";
import { virtualTimers, type VirtualTimers } from "../testing/virtual-timers.ts";
import { HealthShare } from "./health-share.ts";

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
  /** Packets that were sent for health alone. */
  readonly sent: { readonly from: NodeId; readonly to: NodeId; readonly bytes: number }[] = [];
  /** Bytes that went along with others. */
  readonly rode: number[] = [];
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
      send: (to, _channel, body) => {
        this.sent.push({ from: id, to, bytes: body.length });
        this.deliver(id, to, body);
      },
      broadcast: () => undefined,
      request: () => Promise.reject(new Error("nobody asks here")),
    };
  }

  /** Two probe each other: a packet goes either way. */
  meet(one: NodeId, other: NodeId): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const body = this.nodes.get(from)?.handlers[0]?.rider?.(to, 1300) ?? null;
      if (body === null) continue;
      this.rode.push(body.length);
      this.deliver(from, to, body);
    }
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

/** Seconds in which `a` measures this and meets each of the others in turn. */
function run(node: HealthShare, others: readonly NodeId[], measured: readonly NodeHealth[]): void {
  for (const [second, health] of measured.entries()) {
    node.update(health);
    hub.meet("a", others[second % others.length] ?? "");
    clock.jump(1000);
  }
}

test("what one node measures goes along with its probes and answers, in packets of others", () => {
  const [a, b, c] = [join("a"), join("b"), join("c")];
  run(a, ["b", "c"], [CALM, CALM]);
  for (const node of [a, b, c]) expect(node.of("a")?.requestsPerSecond).toBe(100);
  expect(b.of("c")).toBeNull();
  expect(hub.sent).toEqual([]);
});

test("an idle node tells its health again now and then, in few bytes to each other node", () => {
  const a = join("a");
  join("b");
  const idle = Array.from({ length: 121 }, (_, second) => ({
    ...CALM,
    cpu: 0.2 + (second % 3) / 100,
  }));
  run(a, ["b"], idle);
  expect(hub.sent).toEqual([]);
  expect(hub.rode).toHaveLength(5);
  expect(Math.max(...hub.rode)).toBeLessThanOrEqual(18);
});

test("a node that is not met is told by a packet of its own, fourteen seconds after a change at the latest", () => {
  const [a, b] = [join("a"), join("b")];
  const busy = { ...CALM, requestsPerSecond: 500 };
  run(a, ["nobody"], [CALM, ...Array.from({ length: 14 }, () => busy)]);
  expect(b.of("a")?.requestsPerSecond).toBe(500);
  expect(hub.sent.length).toBeLessThanOrEqual(2);
});

test("a node whose health changes all the time tells it once in seven seconds", () => {
  const [a, b] = [join("a"), join("b")];
  const restless = Array.from({ length: 63 }, (_, second) => ({
    ...CALM,
    requestsPerSecond: 100 * 2 ** (second % 5),
  }));
  run(a, ["b"], restless);
  expect(hub.rode).toHaveLength(9);
  expect(hub.sent).toEqual([]);
  expect(b.of("a")?.requestsPerSecond).toBeGreaterThan(100);
});

test("a node under a new strain tells everyone at once, though not more often than every seven seconds", () => {
  const [a, b, c] = [join("a"), join("b"), join("c")];
  const strained = { ...CALM, eventLoopDelayMs: 2000 };
  run(a, ["b", "c"], [CALM, CALM, strained]);
  for (const node of [b, c]) expect(node.of("a")?.eventLoopDelayMs).toBe(2000);
  expect(hub.sent.map(({ to }) => to)).toEqual(["b", "c"]);
  run(
    a,
    ["nobody"],
    Array.from({ length: 70 }, (_, second) => (second % 2 === 0 ? CALM : strained)),
  );
  expect(hub.sent.length).toBeLessThanOrEqual(2 + 2 * 10);
});

test("links are told when they are news, and stay known", () => {
  const [a, b] = [join("a"), join("b")];
  const links = [{ nodeId: "b", roundTripMs: 1, loss: 0 }];
  const linked = { ...CALM, links };
  run(
    a,
    ["b"],
    Array.from({ length: 40 }, () => linked),
  );
  expect(b.of("a")?.links).toEqual(links);
  const [first = 0, ...later] = hub.rode;
  expect(later).toEqual([first - 7]);
  run(
    a,
    ["b"],
    Array.from({ length: 10 }, () => CALM),
  );
  expect(b.of("a")?.links).toEqual([]);
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
  hub.meet("a", "b");
  expect(hub.rode).toHaveLength(1);
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
  hub.meet("a", "b");
  expect(late).toHaveLength(1);
  hub.deliver = deliver;
  clock.jump(7000);
  a.update({ ...CALM, requestsPerSecond: 500 });
  hub.meet("a", "b");
  for (const body of late) deliver("a", "b", body);
  expect(b.of("a")?.requestsPerSecond).toBe(500);
  const next = join("a", 2);
  for (const body of late) deliver("a", "b", body);
  expect(b.of("a")?.requestsPerSecond).toBe(500);
  next.update({ ...CALM, requestsPerSecond: 7 });
  hub.meet("a", "b");
  expect(b.of("a")?.requestsPerSecond).toBe(7);
});

test("nothing is kept of nodes that are forgotten", () => {
  const [a, b] = [join("a"), join("b")];
  a.update(CALM);
  hub.meet("a", "b");
  expect(b.of("a")).not.toBeNull();
  hub.remove("a");
  b.update(CALM);
  expect(b.of("a")).toBeNull();
});
