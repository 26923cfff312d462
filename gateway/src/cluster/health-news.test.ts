import type { NodeHealth } from "@bifrost/shared/api/cluster";
import { expect, test } from "vitest";
import { isNews, isStrainNew } from "./health-news.ts";

const CALM: NodeHealth = {
  cpu: 0.2,
  memoryBytes: 100 * 1024 ** 2,
  memoryLimitBytes: 1024 ** 3,
  eventLoopDelayMs: 3,
  requestsPerSecond: 100,
  errorRate: 0,
  links: [],
};

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
  expect(isNews(null, { ...CALM, ...change })).toBe(true);
});

test.each<[string, Partial<NodeHealth>, boolean]>([
  ["much more CPU", { cpu: 0.8 }, false],
  ["no CPU left", { cpu: 0.95 }, true],
  ["no memory left", { memoryBytes: 1000 * 1024 ** 2 }, true],
  ["a late event loop", { eventLoopDelayMs: 200 }, false],
  ["an event loop that hardly turns", { eventLoopDelayMs: 800 }, true],
  ["some errors", { errorRate: 0.1 }, false],
  ["many errors", { errorRate: 0.5 }, true],
])("%s: a strain that is new?", (_what, change, isNew) => {
  const now = { ...CALM, ...change };
  expect(isStrainNew(CALM, now)).toBe(isNew);
  expect(isStrainNew(null, now)).toBe(isNew);
  expect(isStrainNew(now, now)).toBe(false);
  expect(isStrainNew(now, CALM)).toBe(false);
});
