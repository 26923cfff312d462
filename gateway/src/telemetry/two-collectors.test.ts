/** Two collectors behind one address write the same documents: what the later one stored stays. */
import { describe, expect, test } from "vitest";
import type { TelemetryLine } from "@bifrost/shared/domain/telemetry";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { MemoryReplicas } from "../testing/memory-replicas.ts";
import { sampleLine } from "../testing/sample-line.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { Collector } from "./collector.ts";

const ID = "abcdefghij";

const give = (collector: Collector, changes: Partial<TelemetryLine>) =>
  collector.take(ID, [sampleLine(changes)]);

function rig() {
  const timers = virtualTimers();
  const store = new MemoryReplicas();
  const start = () => new Collector({ timers, log: silentLogger, store });
  return { timers, store, a: start(), b: start(), stored: () => store.get(ID, "pod-1") };
}

describe("a sidecar that moves", () => {
  test("keeps its document when the collector it left forgets it", async () => {
    const { timers, store, a, b, stored } = rig();
    give(a, { seq: 1 });
    await timers.advance(100);
    for (let seq = 2; seq <= 30; seq++) {
      give(b, { seq });
      await timers.advance(1000);
      expect(stored()).not.toBeNull();
    }
    expect(a.replicasOf(ID)).toEqual([]);
    expect(store.removed).toEqual([]);
    expect(stored()?.seq).toBeGreaterThan(25);
    // The one that has it removes it.
    await timers.advance(20_000);
    expect(store.removed).toEqual(["pod-1"]);
  });

  test("is not set back by a write that was late", async () => {
    const { timers, store, a, b, stored } = rig();
    give(a, { seq: 1 });
    await timers.advance(100);
    store.hang();
    give(a, { seq: 2, healthy: false });
    await timers.advance(300);
    // A's write hangs in the store while B's, a later one, gets through.
    const late = store;
    give(b, { seq: 3, healthy: true });
    late.resume();
    await timers.advance(300);
    expect(stored()).toMatchObject({ seq: 3, healthy: true });
    await timers.advance(10_000);
    expect(stored()?.seq).toBe(3);
  });

  test("is believed at once when it comes back, though the first collector saw no change", async () => {
    const { timers, a, b, stored } = rig();
    give(a, { seq: 1, healthy: true });
    await timers.advance(100);
    give(b, { seq: 2, healthy: false });
    await timers.advance(200);
    expect(stored()?.healthy).toBe(false);
    give(a, { seq: 3, healthy: true });
    await timers.advance(200);
    expect(stored()).toMatchObject({ seq: 3, healthy: true });
  });

  test("and sends old samples again first is believed as soon as new ones follow", async () => {
    const { timers, a, b, stored } = rig();
    give(a, { seq: 8, healthy: true });
    await timers.advance(100);
    give(b, { seq: 5, healthy: false });
    await timers.advance(10);
    for (const seq of [6, 7, 8]) give(b, { seq, healthy: seq === 8 });
    give(b, { seq: 9, healthy: false });
    await timers.advance(200);
    expect(stored()).toMatchObject({ seq: 9, healthy: false });
  });

  test.each([
    ["later", 2000],
    ["earlier, because its clock was set back", 500],
  ])(
    "and begins a new life there with a boot that is %s stays in the new life",
    async (_when, boot) => {
      const { timers, store, a, b, stored } = rig();
      give(a, { boot: 1000, seq: 10 });
      await timers.advance(100);
      store.fails = true;
      give(a, { boot: 1000, seq: 11, healthy: false });
      await timers.advance(300);
      store.fails = false;
      give(b, { boot, seq: 1 });
      await timers.advance(30_000);
      expect(b.metrics.written).toBe(1);
      expect(a.metrics.superseded + a.metrics.writesFailed).toBeGreaterThan(0);
      expect(store.puts.at(-1)).toMatchObject({ boot, seq: 1 });
      expect(stored()).toBeNull();
    },
  );

  test("and sends its last sample to both leaves one document that both may remove", async () => {
    const { timers, store, a, b, stored } = rig();
    give(a, { seq: 1 });
    give(b, { seq: 1 });
    await timers.advance(100);
    expect(store.puts).toHaveLength(1);
    await timers.advance(20_000);
    expect(stored()).toBeNull();
  });
});

test("a collector that starts again takes over the documents it finds", async () => {
  const { timers, a, b, stored } = rig();
  give(a, { seq: 1 });
  await timers.advance(100);
  await a.stop(0);
  give(b, { seq: 2 });
  await timers.advance(100);
  expect(stored()?.seq).toBe(2);
  await timers.advance(20_000);
  expect(stored()).toBeNull();
});

test("two lives that neither collector can order: the one heard last counts, and clocks far apart block nobody", async () => {
  const timers = virtualTimers();
  const store = new MemoryReplicas();
  const ahead = { ...timers, now: () => timers.now() + 3_600_000 };
  const a = new Collector({ timers: ahead, log: silentLogger, store });
  const b = new Collector({ timers, log: silentLogger, store });
  a.take(ID, [sampleLine({ boot: 1, seq: 9 })]);
  await timers.advance(100);
  b.take(ID, [sampleLine({ boot: 2, seq: 1 })]);
  await timers.advance(100);
  expect(store.get(ID, "pod-1")).toMatchObject({ boot: 2 });
});
