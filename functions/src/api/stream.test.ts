import type { Timers } from "@bifrost/shared/domain/time";
import type { LiveFeed } from "@bifrost/shared/ports/live-feed";
import { silentLogger } from "@bifrost/shared/ports/logger";
import type { DeploymentId } from "@bifrost/shared/domain/ids";
import { expect, test } from "vitest";
import { streamDeployment } from "./stream.ts";

test("a reader that leaves ends the heartbeat and the listening", async () => {
  const beats = new Set<() => void>();
  const timers: Timers = {
    now: () => 0,
    sleep: () => Promise.resolve(),
    after: (_ms, task) => {
      beats.add(task);
      return { cancel: () => void beats.delete(task) };
    },
  };
  let following = 0;
  const feed: LiveFeed = {
    follow: () => {
      following += 1;
      return () => void (following -= 1);
    },
  };
  const ports = { feed: () => Promise.resolve(feed), timers, log: silentLogger };
  const signal = new AbortController().signal;
  const response = await streamDeployment(ports, "d1234567890" as DeploymentId, signal);
  expect([beats.size, following]).toEqual([1, 1]);
  await response.body?.cancel();
  expect([beats.size, following]).toEqual([0, 0]);
});
