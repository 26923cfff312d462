import { describe, expect, test } from "vitest";
import { replicaOf, type TelemetryLine } from "@bifrost/shared/domain/telemetry";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { MemoryReplicas } from "../testing/memory-replicas.ts";
import { sampleLine } from "../testing/sample-line.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { Collector, type CollectorLimits } from "./collector.ts";

const ID = "abcdefghij";

function rig(limits: Partial<CollectorLimits> = {}) {
  const timers = virtualTimers();
  const store = new MemoryReplicas();
  const collector = new Collector({ timers, log: silentLogger, store, limits });
  const take = (changes: Partial<TelemetryLine>) => collector.take(ID, [sampleLine(changes)]);
  const seqs = () => store.puts.map(({ seq }) => seq);
  return { timers, store, collector, take, seqs };
}

describe("samples", () => {
  test("repeated and late ones change nothing; another boot starts over, whatever its size", () => {
    const { collector, take } = rig();
    take({ boot: 10, seq: 5 });
    take({ boot: 10, seq: 5 });
    take({ boot: 10, seq: 4 });
    take({ boot: 9, seq: 1 });
    take({ boot: 10, seq: 6 });
    expect(collector.metrics).toMatchObject({ accepted: 2, repeated: 2, late: 1 });
    expect(collector.replicasOf(ID)).toMatchObject([{ boot: 9, seq: 1 }]);
  });

  test.each<[string, unknown, RegExp]>([
    ["no object", undefined, /^Sample 2 is not one: the line: /],
    ["a field of the wrong type", { ...sampleLine(), passes: "2" }, /: passes: /],
    ["a number beyond the safe ones", { ...sampleLine(), boot: 2 ** 53 }, /: boot: /],
    ["a missing field", { ...sampleLine(), seq: undefined }, /: seq: /],
    ["a time that no calendar has", { ...sampleLine(), at: 2 ** 53 - 1 }, /: at: /],
    [
      "more memory than the store can count",
      { ...sampleLine(), rssPages: 2 ** 52 },
      /: rssPages: /,
    ],
    ["a silence of years", { ...sampleLine(), intervalMs: 2 ** 40 }, /: intervalMs: /],
    [
      "another deployment's name",
      sampleLine({ deployment: "other" }),
      /speaks for deployment other/,
    ],
  ])("%s is refused by its number, and the whole report with it", (_what, sample, message) => {
    const { collector } = rig();
    expect(() => collector.take(ID, [sampleLine(), sample])).toThrow(message);
    expect(collector.replicasOf(ID)).toEqual([]);
    expect(collector.metrics.refusedAsInvalid).toBe(1);
  });

  test("what an app answers cannot steer a terminal", () => {
    const { collector, take } = rig();
    take({ body: "\u001B[31mno\u0007é" });
    expect(collector.replicasOf(ID)).toMatchObject([{ lastBody: ".[31mno.." }]);
  });

  test("a replica is forgotten after three silent intervals, at least 15 s", async () => {
    const { timers, store, collector, take } = rig();
    take({ pod: "fast", intervalMs: 1000 });
    take({ pod: "slow", intervalMs: 10_000 });
    await timers.advance(15_000);
    expect(store.removed).toEqual([]);
    await timers.advance(2000);
    expect(store.removed).toEqual(["fast"]);
    await timers.advance(15_000);
    expect(store.removed).toEqual(["fast", "slow"]);
    expect(collector.replicasOf(ID)).toEqual([]);
  });

  test("what sidecars dropped is added up over their lives", () => {
    const { collector, take } = rig();
    take({ seq: 1, dropped: 3 });
    take({ seq: 2, dropped: 5 });
    take({ boot: 2, seq: 1, dropped: 2 });
    take({ pod: "other", dropped: 1 });
    expect(collector.metrics.droppedBySidecars).toBe(8);
  });

  test("raw counters become the units people read", () => {
    const busy = sampleLine({ cpuTicks: 50, cpuOverMs: 1000, rssPages: 10 });
    const figures = { cpuMillicores: 500, memoryBytes: 40_960, descriptors: 12 };
    expect(replicaOf(busy, 0)).toMatchObject(figures);
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

describe("limits", () => {
  test("one deployment cannot bring more replicas than any configuration allows", () => {
    const { collector, take } = rig();
    for (let i = 0; i < 300; i++) take({ pod: `pod-${i}` });
    expect(collector.replicasOf(ID)).toHaveLength(256);
    expect(collector.metrics.refusedByReplicas).toBe(44);
  });

  test("all deployments together neither, and room comes back with the silent ones", async () => {
    const { timers, collector } = rig({ replicas: 2, deployments: 3 });
    const take = (deployment: string) => collector.take(deployment, [sampleLine({ deployment })]);
    for (const id of ["a", "b", "c"]) take(id);
    expect([...collector.replicas()]).toHaveLength(2);
    expect(() => take("d")).toThrow("3 deployments report here, as many as may");
    await timers.advance(17_000);
    take("d");
    expect([...collector.replicas()]).toHaveLength(1);
  });

  test("a flood is refused with the time to wait, and leaves other deployments alone", async () => {
    const { timers, collector } = rig();
    const report = Array.from({ length: 500 }, (_, index) => sampleLine({ seq: index + 1 }));
    for (let i = 0; i < 4; i++) collector.take(ID, report);
    const refusal = { code: "rate-limited", facts: { retryAfterSeconds: 3 } };
    expect(() => collector.take(ID, report)).toThrow(expect.objectContaining(refusal));
    expect(() => collector.assertRoom(ID)).toThrow("reports too often; report again in 1 s");
    collector.assertRoom("other");
    collector.take("other", [sampleLine({ deployment: "other" })]);
    await timers.advance(2500);
    collector.take(ID, report);
    expect(collector.metrics).toMatchObject({ accepted: 501, repeated: 2000, refusedByRate: 501 });
  });

  test("garbage counts like samples, and is not forgotten before it is paid for", async () => {
    const { timers, collector } = rig({ burst: 10, samplesPerSecond: 1 });
    const garbage = Array.from({ length: 10 }, () => undefined);
    expect(() => collector.take(ID, garbage)).toThrow("Sample 1 is not one");
    await timers.advance(5000);
    expect(() => collector.take(ID, garbage)).toThrow("reports too often");
    await timers.advance(5000);
    expect(() => collector.take(ID, garbage)).toThrow("Sample 1 is not one");
  });
});

describe("writes", () => {
  test.each<[string, Partial<TelemetryLine>, boolean]>([
    ["health", { healthy: false }, true],
    ["proof", { proven: false }, true],
    ["the result", { result: 3 }, true],
    ["the second pass", { passes: 2 }, true],
    ["restarts", { restarts: 1 }, true],
    ["the sidecar's life", { boot: 7 }, true],
    ["latency alone", { latencyMs: 99 }, false],
    ["usage alone", { rssPages: 9999 }, false],
  ])("a change of %s is written within 200 ms: %s", async (_name, changes, isWritten) => {
    const { timers, seqs, take } = rig();
    take({ seq: 1 });
    await timers.advance(10);
    take({ seq: 2, ...changes });
    await timers.advance(200);
    expect(seqs()).toEqual(isWritten ? [1, 2] : [1]);
    await timers.advance(5000);
    expect(seqs()).toEqual([1, 2]);
  });

  test("a replica that flaps is written every 200 ms, as it is by then", async () => {
    const { timers, seqs, take } = rig();
    for (let seq = 1; seq <= 99; seq++) {
      take({ seq, healthy: seq % 3 === 0 });
      await timers.advance(10);
    }
    await timers.advance(200);
    expect(seqs().length).toBeLessThanOrEqual(7);
    expect(seqs().at(-1)).toBe(99);
  });

  test("passes beyond the second wait for their turn", async () => {
    const { timers, seqs, take } = rig();
    for (let seq = 1; seq <= 20; seq++) {
      take({ seq, passes: seq });
      await timers.advance(1000);
    }
    expect(seqs()).toEqual([1, 2, 6, 11, 16]);
  });

  test("a clock that is set back holds no write up", async () => {
    const timers = virtualTimers();
    let backMs = 0;
    const store = new MemoryReplicas();
    const clock = { ...timers, now: () => timers.now() - backMs };
    const collector = new Collector({ timers: clock, log: silentLogger, store });
    collector.take(ID, [sampleLine({ seq: 1 })]);
    await timers.advance(10);
    backMs = 900_000;
    collector.take(ID, [sampleLine({ seq: 2 })]);
    await timers.advance(5000);
    expect(store.puts.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test("a store that was away gets the latest sample only", async () => {
    const { timers, seqs, store, take, collector } = rig();
    store.fails = true;
    for (let seq = 1; seq <= 10; seq++) {
      take({ seq, healthy: seq % 2 === 0 });
      await timers.advance(1000);
    }
    expect(collector.writes.failed).toBeLessThan(8);
    store.fails = false;
    await timers.advance(11_000);
    expect(seqs()).toEqual([10]);
  });

  test("a store that hangs holds nobody up: one write a replica and 32 in all wait for it, then the latest come, health first", async () => {
    const { timers, store, collector } = rig({ samplesPerSecond: 1e6, burst: 1e6 });
    const pods = Array.from({ length: 200 }, (_, index) => `pod-${index}`);
    const takeAll = (seq: number, changes: (index: number) => Partial<TelemetryLine>) =>
      collector.take(
        ID,
        pods.map((pod, index) => sampleLine({ pod, seq, ...changes(index) })),
      );
    takeAll(1, () => ({}));
    await timers.advance(1000);
    expect(store.puts).toHaveLength(200);
    store.hang();
    // Only figures change, until the last sample of every tenth replica tells that it is unhealthy.
    for (let seq = 2; seq < 200; seq++) takeAll(seq, () => ({ latencyMs: seq }));
    await timers.advance(6000);
    takeAll(200, (index) => ({ healthy: index % 10 !== 0 }));
    await timers.advance(1000);
    expect(collector.replicasOf(ID).every(({ seq }) => seq === 200)).toBe(true);
    expect(store.open).toBe(32);
    expect(collector.writes).toMatchObject({ running: 32, waiting: 200 - 32 });
    store.resume();
    await timers.advance(0);
    const after = store.puts.slice(200);
    const [first, rest] = [after.slice(0, 32), after.slice(32)];
    expect(first.map(({ seq }) => seq)).toEqual(first.map(() => 199));
    const urgent = rest.filter(({ healthy }) => !healthy);
    // Those of the first 32 that turned unhealthy wait out their 200 ms.
    expect(urgent).toHaveLength(20 - 4);
    // One write in four is none of them.
    const sooner = rest.slice(0, urgent.length + Math.ceil(urgent.length / 3));
    expect(sooner.filter(({ healthy }) => !healthy)).toEqual(urgent);
    await timers.advance(10_000);
    expect(pods.every((pod) => store.get(ID, pod)?.seq === 200)).toBe(true);
    expect(store.mostOpen).toBe(32);
  });

  test("at the end what is not stored yet is stored, unless the grace is over before", async () => {
    const { timers, store, collector, take, seqs } = rig();
    take({ seq: 1 });
    await timers.advance(10);
    take({ seq: 2 });
    const stopping = collector.stop(1000);
    await timers.advance(100);
    await stopping;
    expect(seqs()).toEqual([1, 2]);
    const hanging = rig();
    hanging.store.hang();
    hanging.take({ seq: 1 });
    const giving = hanging.collector.stop(1000);
    await hanging.timers.advance(1000);
    await giving;
    expect(store.open).toBe(0);
  });
});
