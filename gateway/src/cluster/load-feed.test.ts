import { expect, test } from "vitest";
import { testPlaneCounts } from "../testing/cluster-parts.ts";
import { loadBetween } from "./load-feed.ts";

const plane = (loopDelaySeconds: number) => ({
  pid: 1,
  residentBytes: 0,
  loopDelaySeconds,
  clients: 0,
  upstreamConnections: 0,
  limiterKeys: 0,
});

function reading(at: number, classes: Readonly<Record<string, number>>, delays: readonly number[]) {
  return { at, summary: { totals: testPlaneCounts(classes), planes: delays.map(plane) } };
}

test("requests per second and the share of errors are those since the last look", () => {
  const former = reading(1000, { "2xx": 100, "5xx": 50 }, []);
  const now = reading(3000, { "2xx": 175, "5xx": 75 }, []);
  expect(loadBetween(former, now, 0)).toEqual({
    eventLoopDelayMs: 0,
    requestsPerSecond: 50,
    errorRate: 0.25,
  });
});

test("of all event loops, the parent's included, the latest counts", () => {
  const former = reading(0, {}, []);
  expect(loadBetween(former, reading(1000, {}, [0.01, 0.25]), 0.1).eventLoopDelayMs).toBe(250);
  expect(loadBetween(former, reading(1000, {}, [0.01]), 0.1).eventLoopDelayMs).toBe(100);
});

test("before the first report of a data plane nothing is told of requests", () => {
  const nothing = { at: 0, summary: { totals: null, planes: [] } };
  expect(loadBetween(nothing, { ...nothing, at: 1000 }, 0)).toEqual({
    eventLoopDelayMs: 0,
    requestsPerSecond: 0,
    errorRate: 0,
  });
});
