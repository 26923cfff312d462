import { expect, test } from "vitest";
import { replicaOf } from "@bifrost/shared/domain/telemetry";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { sampleLine } from "../testing/sample-line.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { SampleFeed } from "./sample-feed.ts";

function rig() {
  const timers = virtualTimers();
  const feed = new SampleFeed(timers, silentLogger);
  let seq = 0;
  const publish = (count = 1): void => {
    for (let i = 0; i < count; i++) {
      const line = sampleLine({ seq: ++seq });
      feed.publish({ deploymentId: line.deployment, line, replica: replicaOf(line, 0) });
    }
  };
  return { timers, feed, publish };
}

test("every sample comes in order and never while it is published, until the subscription ends", async () => {
  const { timers, feed, publish } = rig();
  const heard: number[] = [];
  const end = feed.subscribe((samples) => void heard.push(...samples.map(({ line }) => line.seq)));
  publish(1000);
  expect(heard).toEqual([]);
  await timers.advance(10);
  expect(heard).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
  publish();
  end();
  publish();
  await timers.advance(10);
  expect(heard).toHaveLength(1000);
});

test("a listener that throws or rejects harms neither the publisher nor the others, and goes on", async () => {
  const { timers, feed, publish } = rig();
  const heard: number[] = [];
  feed.subscribe(() => {
    throw new Error("thrown");
  });
  feed.subscribe(() => Promise.reject(new Error("rejected")));
  feed.subscribe((samples) => void heard.push(...samples.map(({ line }) => line.seq)));
  publish();
  await timers.advance(10);
  publish();
  await timers.advance(10);
  expect(heard).toEqual([1, 2]);
  expect(feed.failed).toBe(4);
});

test("a listener that is never done misses the oldest, and memory stays bounded", async () => {
  const { timers, feed, publish } = rig();
  const waiting: (() => void)[] = [];
  const heard: number[] = [];
  feed.subscribe((samples) => {
    heard.push(...samples.map(({ line }) => line.seq));
    return new Promise((resolve) => void waiting.push(resolve));
  });
  publish();
  await timers.advance(10);
  publish(20_000);
  await timers.advance(10);
  expect(heard).toEqual([1]);
  expect(feed.missed).toBe(20_000 - 8192);
  waiting[0]?.();
  await timers.advance(10);
  expect(heard.at(1)).toBe(20_001 - 8191);
});
