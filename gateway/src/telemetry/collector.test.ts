import { describe, expect, test } from "vitest";
import { replicaOf, type TelemetryLine } from "@bifrost/shared/domain/telemetry";
import type { Replica } from "@bifrost/shared/domain/replica";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { sampleLine } from "../testing/sample-line.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { Collector } from "./collector.ts";

const ID = "abcdefghij";

function rig() {
  const timers = virtualTimers();
  const puts: Replica[] = [];
  const removed: string[] = [];
  const store = { fails: false, hangs: false };
  const collector = new Collector({
    timers,
    log: silentLogger,
    store: {
      async put(_id, replica) {
        if (store.hangs) await new Promise(() => undefined);
        if (store.fails) throw new Error("away");
        puts.push(replica);
      },
      remove: async (_id, pod) => void removed.push(pod),
    },
  });
  const take = (changes: Partial<TelemetryLine>) => collector.take(ID, [sampleLine(changes)]);
  return { timers, puts, removed, store, collector, take };
}

describe("samples", () => {
  test("repeated and late ones change nothing; a new boot starts over", () => {
    const { collector, take } = rig();
    take({ boot: 10, seq: 5 });
    take({ boot: 10, seq: 5 });
    take({ boot: 10, seq: 4 });
    take({ boot: 9, seq: 99 });
    expect(collector.metrics).toMatchObject({ accepted: 1, repeated: 3 });
    take({ boot: 11, seq: 1 });
    expect(collector.replicasOf(ID)).toMatchObject([{ seq: 1 }]);
  });

  test("one deployment cannot bring more replicas than any configuration allows", () => {
    const { collector, take } = rig();
    for (let i = 0; i < 300; i++) take({ pod: `pod-${i}` });
    expect(collector.replicasOf(ID)).toHaveLength(256);
    expect(collector.metrics.refused).toBe(44);
  });

  test("a replica is forgotten after three silent intervals, at least 15 s", async () => {
    const { timers, removed, collector, take } = rig();
    take({ pod: "fast", intervalMs: 1000 });
    take({ pod: "slow", intervalMs: 10_000 });
    await timers.advance(15_000);
    expect(removed).toEqual([]);
    await timers.advance(2000);
    expect(removed).toEqual(["fast"]);
    await timers.advance(15_000);
    expect(removed).toEqual(["fast", "slow"]);
    expect(collector.replicasOf(ID)).toEqual([]);
  });

  test("raw counters become the units people read", () => {
    expect(replicaOf(sampleLine({ cpuTicks: 50, cpuOverMs: 1000, rssPages: 10 }), 0)).toMatchObject(
      {
        cpuMillicores: 500,
        memoryBytes: 40_960,
        descriptors: 12,
      },
    );
    expect(replicaOf(sampleLine({ procs: 0, status: 0, result: 2 }), 0)).toMatchObject({
      cpuMillicores: null,
      memoryBytes: null,
      descriptors: null,
      threads: null,
      lastStatus: null,
      lastResult: "refused",
    });
    expect(replicaOf(sampleLine({ fdsDenied: 1 }), 0).descriptors).toBeNull();
  });
});

describe("writes", () => {
  test.each<[string, Partial<TelemetryLine>, boolean]>([
    ["health", { healthy: false }, true],
    ["the result", { result: 3 }, true],
    ["the second pass", { passes: 2 }, true],
    ["restarts", { restarts: 1 }, true],
    ["latency alone", { latencyMs: 99 }, false],
    ["usage alone", { rssPages: 9999 }, false],
  ])("a change of %s is written at once: %s", async (_name, changes, isWritten) => {
    const { timers, puts, take } = rig();
    take({ seq: 1 });
    await timers.advance(10);
    take({ seq: 2, ...changes });
    await timers.advance(10);
    expect(puts.map((replica) => replica.seq)).toEqual(isWritten ? [1, 2] : [1]);
    await timers.advance(5000);
    expect(puts.map((replica) => replica.seq)).toEqual([1, 2]);
  });

  test("passes beyond the second wait for their turn", async () => {
    const { timers, puts, take } = rig();
    for (let seq = 1; seq <= 20; seq++) {
      take({ seq, passes: seq });
      await timers.advance(1000);
    }
    expect(puts.map((replica) => replica.seq)).toEqual([1, 2, 6, 11, 16]);
  });

  test("a store that hangs holds nobody up, and only one write waits for it", async () => {
    const { timers, puts, store, take, collector } = rig();
    store.hangs = true;
    for (let seq = 1; seq <= 50; seq++) take({ seq, healthy: seq % 2 === 0 });
    await timers.advance(1000);
    expect(puts).toEqual([]);
    expect(collector.replicasOf(ID)).toMatchObject([{ seq: 50 }]);
  });

  test("a store that was away gets the latest sample only", async () => {
    const { timers, puts, store, take, collector } = rig();
    store.fails = true;
    for (let seq = 1; seq <= 10; seq++) {
      take({ seq, healthy: seq % 2 === 0 });
      await timers.advance(1000);
    }
    expect(collector.metrics.writesFailed).toBeLessThan(8);
    store.fails = false;
    await timers.advance(11_000);
    expect(puts.map((replica) => replica.seq)).toEqual([10]);
  });
});
