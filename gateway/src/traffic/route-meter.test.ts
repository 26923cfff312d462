import { expect, test } from "vitest";
import { servedRequest } from "../testing/served-request.ts";
import { binOf } from "./latency.ts";
import { RouteMeter } from "./route-meter.ts";
import { MAX_ROUTES, OTHER_ROUTES } from "./route-tally.ts";

test("requests are counted by route, once", () => {
  const meter = new RouteMeter();
  for (const [route, durationMs, status] of [
    ["a/", 5, 200],
    ["a/", 5, 502],
    ["b/api", 80, 404],
    [null, 1, 404],
  ] as const) {
    meter.record(servedRequest({ route, durationMs, status }));
  }
  expect(meter.take()).toEqual([
    { route: "a/", requests: 2, errors: 1, latency: new Map([[binOf(5), 2]]) },
    { route: "b/api", requests: 1, errors: 0, latency: new Map([[binOf(80), 1]]) },
  ]);
  expect(meter.take()).toEqual([]);
});

test("none is lost, however many there are between two calls", () => {
  const meter = new RouteMeter();
  for (let i = 0; i < 20_000; i++) meter.record(servedRequest({ route: "a/", durationMs: i % 50 }));
  const [tally] = meter.take();
  expect(tally?.requests).toBe(20_000);
  expect([...(tally?.latency.values() ?? [])].reduce((sum, count) => sum + count)).toBe(20_000);
});

test("routes beyond the bound are counted together, and long names are cut", () => {
  const meter = new RouteMeter();
  meter.record(servedRequest({ route: "x".repeat(5000) }));
  for (let i = 0; i < 2000; i++) meter.record(servedRequest({ route: `${i}/` }));
  const taken = meter.take();
  expect(taken).toHaveLength(MAX_ROUTES);
  expect(taken[0]?.route).toHaveLength(256);
  expect(taken.find(({ route }) => route === OTHER_ROUTES)?.requests).toBe(2001 - (MAX_ROUTES - 1));
});
