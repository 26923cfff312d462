import { afterEach, expect, test } from "vitest";
import { MemoryChannels } from "../testing/memory-channels.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import type { RouteTally } from "./route-tally.ts";
import { encodeReports } from "./traffic-codec.ts";
import { TrafficShare } from "./traffic-share.ts";

const shares: TrafficShare[] = [];
afterEach(() => shares.splice(0).forEach((share) => share.stop()));

function rig() {
  const timers = virtualTimers();
  const channels = new MemoryChannels();
  const add = (id: string, epoch = 1): TrafficShare => {
    const share = new TrafficShare(channels.add(id), timers, epoch);
    shares.push(share);
    return share;
  };
  return { timers, channels, add };
}

function served(route: string, requests: number, errors = 0): RouteTally {
  return { route, requests, errors, latency: new Map([[200, requests]]) };
}

function seenBy(share: TrafficShare): Record<string, number> {
  return Object.fromEntries(share.summary().routes.map(({ route, requests }) => [route, requests]));
}

test("every node knows what all of them served, and who served it", async () => {
  const { timers, add } = rig();
  const [a, b, c] = [add("a"), add("b"), add("c")];
  a.take([served("shop/", 30, 3)]);
  b.take([served("shop/", 10), served("blog/", 5)]);
  await timers.advance(2000);
  for (const node of [a, b, c]) {
    expect(seenBy(node)).toEqual({ "shop/": 40, "blog/": 5 });
  }
  const [shop] = c.summary().routes;
  expect(shop).toMatchObject({ error_rate: 3 / 40, nodes: { a: 30, b: 10 } });
  expect(shop?.latency_ms.p50).toBeCloseTo(54, 0);
  expect(c.summary()).toMatchObject({ local_node: "c", nodes: [{ node: "a" }, { node: "b" }] });
});

test("a cluster without traffic says nothing", async () => {
  const { timers, channels, add } = rig();
  const [a] = [add("a"), add("b")];
  a.take([]);
  await timers.advance(120_000);
  expect(channels.sent).toEqual([]);
  channels.exchange("a", "b", "traffic");
  expect(channels.sent).toEqual([]);
});

test("what was lost is told by the next report of its slot, or by an exchange of states", async () => {
  const { timers, channels, add } = rig();
  const [a, b] = [add("a"), add("b")];
  channels.arrives = () => false;
  a.take([served("shop/", 1)]);
  await timers.advance(2000);
  channels.arrives = () => true;
  a.take([served("shop/", 1)]);
  await timers.advance(2000);
  expect(seenBy(b)).toEqual({ "shop/": 2 });
  channels.arrives = () => false;
  a.take([served("shop/", 1)]);
  await timers.advance(2000);
  expect(seenBy(b)).toEqual({ "shop/": 2 });
  channels.exchange("a", "b", "traffic");
  expect(seenBy(b)).toEqual({ "shop/": 3 });
});

test("a node that comes later learns of the last minute from any other", async () => {
  const { timers, channels, add } = rig();
  const [a] = [add("a"), add("b")];
  a.take([served("shop/", 7)]);
  await timers.advance(30_000);
  const c = add("c");
  channels.exchange("b", "c", "traffic");
  expect(seenBy(c)).toEqual({ "shop/": 7 });
  expect(c.summary().seconds).toBe(30);
  await timers.advance(30_000);
  expect(seenBy(c)).toEqual({});
});

test("many routes are told in packets that are small enough, a few at a time", async () => {
  const { timers, channels, add } = rig();
  const [a, b] = [add("a"), add("b")];
  const latency = new Map(Array.from({ length: 100 }, (_, bin) => [bin * 3, 1 + (bin % 7)]));
  const routes = Array.from({ length: 200 }, (_, at) => `app-${at}.example/`);
  a.take(routes.map((route) => ({ route, requests: 400, errors: 0, latency })));
  await timers.advance(2000);
  const [first] = [channels.sent.length];
  expect(first).toBeLessThanOrEqual(8);
  await timers.advance(60_000 - 4000);
  expect(Object.keys(seenBy(b))).toHaveLength(200);
  expect(Math.max(...channels.sent)).toBeLessThanOrEqual(1200);
});

test("a route that fits no packet does not hold up the others", async () => {
  const { timers, channels, add } = rig();
  const [a, b] = [add("a"), add("b")];
  // Nothing in it repeats itself.
  const latency = new Map(
    Array.from({ length: 660 }, (_, bin) => [bin, 1 + ((bin * 7919) % 99_991)]),
  );
  a.take([{ route: "wide/", requests: 9, errors: 0, latency }, served("shop/", 7)]);
  await timers.advance(2000);
  expect(seenBy(b)).toEqual({ "shop/": 7 });
  channels.exchange("a", "b", "traffic");
  expect(seenBy(b)).toEqual({ "shop/": 7, "wide/": 9 });
});

function bodyOf(node: string): Uint8Array {
  const routes = [served(`${node}/`, 1)];
  return encodeReports([{ node, epoch: 1, slot: 0, ageMs: 0, routes }]);
}

test("a message tells of its sender only", () => {
  const { channels, add } = rig();
  const [a] = [add("a"), add("b")];
  for (const node of ["a", "b", "stranger"]) channels.deliver("b", "a", "traffic", bodyOf(node));
  expect(seenBy(a)).toEqual({ "b/": 1 });
  channels.deliver("b", "a", "traffic", Buffer.from("nonsense"));
  expect(seenBy(a)).toEqual({ "b/": 1 });
});

test("a node that is no member any more is forgotten", async () => {
  const { timers, channels, add } = rig();
  const [a, b] = [add("a"), add("b")];
  b.take([served("shop/", 7)]);
  await timers.advance(2000);
  expect(seenBy(a)).toEqual({ "shop/": 7 });
  channels.remove("b");
  await timers.advance(2000);
  expect(seenBy(a)).toEqual({});
});
