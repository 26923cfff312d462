import {
  array,
  assert,
  constantFrom,
  integer,
  property,
  record,
  shuffledSubarray,
} from "fast-check";
import { expect, test } from "vitest";
import type { RouteTally } from "./route-tally.ts";
import { summarize } from "./summarize.ts";
import { type SlotReport, SLOT_MS, TrafficBook, WINDOW_MS } from "./traffic-book.ts";

function tally(route: string, requests: number, errors = 0): RouteTally {
  return { route, requests, errors, latency: new Map([[100, requests]]) };
}

function book(node: string, epoch = 1, now = 0): TrafficBook {
  return new TrafficBook({ node, epoch, now });
}

function requestsIn(reader: TrafficBook, now: number): Record<string, number> {
  const { routes } = summarize("reader", reader.reports(now));
  return Object.fromEntries(routes.map(({ route, requests }) => [route, requests]));
}

const served = record({
  node: constantFrom("a", "b"),
  route: constantFrom("x/", "y/"),
  requests: integer({ min: 1, max: 9 }),
  afterMs: integer({ min: 0, max: 3000 }),
});

interface Step {
  readonly node: "a" | "b";
  readonly route: string;
  readonly requests: number;
  readonly afterMs: number;
}

/** Everything that nodes told while they served, and when it was over. */
function toldBy(steps: readonly Step[]) {
  const books = { a: book("a"), b: book("b") };
  const told: SlotReport[] = [];
  let now = 0;
  for (const { node, route, requests, afterMs } of steps) {
    now += afterMs;
    books[node].add([tally(route, requests)], now);
    told.push(...books[node].takeUntold(100, now));
  }
  return { told, now };
}

test("who heard all reports, in any order and some twice, sees what was served", () => {
  const steps = array(served, { minLength: 1, maxLength: 12 });
  assert(
    property(
      steps.chain((all) => {
        const { told } = toldBy(all);
        return record({
          all: constantFrom(all),
          order: shuffledSubarray(told, { minLength: told.length }),
          again: shuffledSubarray(told),
        });
      }),
      ({ all, order, again }) => {
        const { now } = toldBy(all);
        const reader = book("reader");
        for (const report of [...order, ...again]) reader.merge({ ...report, ageMs: 0 }, now);
        const expected: Record<string, number> = {};
        for (const { route, requests } of all) expected[route] = (expected[route] ?? 0) + requests;
        expect(requestsIn(reader, now)).toEqual(expected);
      },
    ),
  );
});

test("a report that is late changes nothing that a newer one said", () => {
  const [a, reader] = [book("a"), book("reader")];
  a.add([tally("x/", 3)], 0);
  const early = a.takeUntold(10, 0);
  a.add([tally("x/", 4)], 100);
  const late = a.takeUntold(10, 100);
  for (const report of [...late, ...early, ...early]) reader.merge(report, 100);
  expect(requestsIn(reader, 100)).toEqual({ "x/": 7 });
});

test("what is older than a minute counts no more, and is forgotten", () => {
  const [a, reader] = [book("a"), book("reader")];
  a.add([tally("x/", 3)], 0);
  for (const report of a.takeUntold(10, 0)) reader.merge(report, 0);
  a.add([tally("x/", 5)], WINDOW_MS - 1);
  for (const report of a.takeUntold(10, WINDOW_MS - 1)) reader.merge(report, WINDOW_MS - 1);
  expect(requestsIn(reader, WINDOW_MS - 1)).toEqual({ "x/": 8 });
  expect(requestsIn(reader, WINDOW_MS)).toEqual({ "x/": 5 });
  reader.forget(3 * WINDOW_MS, () => true);
  a.forget(3 * WINDOW_MS, () => true);
  expect([reader.reports(0), a.reports(0), a.takeUntold(10, 0)]).toEqual([[], [], []]);
});

test("a node that was started anew adds to what it served before", () => {
  const reader = book("reader");
  for (const epoch of [1, 2]) {
    const a = book("a", epoch);
    a.add([tally("x/", 5)], 0);
    for (const report of a.takeUntold(10, 0)) reader.merge(report, 0);
  }
  expect(requestsIn(reader, 0)).toEqual({ "x/": 10 });
});

test("of itself a node knows best", () => {
  const a = book("a");
  a.add([tally("x/", 5)], 0);
  a.merge({ node: "a", epoch: 1, slot: 0, ageMs: 0, routes: [tally("x/", 50)] }, 0);
  a.merge({ node: "a", epoch: 2, slot: 0, ageMs: 0, routes: [tally("x/", 50)] }, 0);
  expect(requestsIn(a, 0)).toEqual({ "x/": 5 });
});

test("what others claim is bounded", () => {
  const reader = book("reader");
  for (let i = 0; i < 3000; i++) {
    const routes = [tally(`${i}/`, 1), tally(`${i}/more`, 1)];
    reader.merge({ node: "a", epoch: i % 50, slot: i % 7, ageMs: 0, routes }, 0);
    reader.merge({ node: "a", epoch: 1, slot: i, ageMs: 0, routes }, 0);
    reader.merge({ node: "a", epoch: 1, slot: 5000, ageMs: 0, routes }, 0);
  }
  const reports = reader.reports(0);
  expect(reports.length).toBeLessThanOrEqual(3 * 7);
  expect(Math.max(...reports.map(({ routes }) => routes.length))).toBe(256);
});

test("rates are over the time in which there was anything", () => {
  const a = book("a");
  a.add([tally("x/", 10, 1)], 0);
  a.add([tally("y/", 30)], 15_000);
  const {
    seconds,
    routes,
    requests_per_second: rate,
    error_rate: errors,
  } = summarize("a", a.reports(20_000));
  expect([seconds, rate, errors]).toEqual([20, 2, 1 / 40]);
  expect(routes.map(({ route, requests_per_second: each }) => [route, each])).toEqual([
    ["y/", 1.5],
    ["x/", 0.5],
  ]);
});

test("slots begin again and again", () => {
  const a = book("a");
  for (let slot = 0; slot < 20; slot++) a.add([tally("x/", 1)], slot * SLOT_MS);
  expect(requestsIn(a, 19 * SLOT_MS)).toEqual({ "x/": WINDOW_MS / SLOT_MS });
});
