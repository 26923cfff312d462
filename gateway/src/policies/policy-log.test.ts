import { silentLogger } from "@bifrost/shared/ports/logger";
import type { PolicyLogBatch } from "@bifrost/shared/ports/policy-store";
import { describe, expect, it } from "vitest";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { PolicyLog } from "./policy-log.ts";

function setUp() {
  const timers = virtualTimers();
  const written: { name: string; batch: PolicyLogBatch; expireAt: Date }[] = [];
  const outage: { error: Error | null } = { error: null };
  const log = new PolicyLog({
    store: {
      addLog: async (name, batch, expireAt) => {
        if (outage.error !== null) throw outage.error;
        written.push({ name, batch, expireAt });
      },
    },
    timers,
    log: silentLogger,
    nodeId: "node-1",
  });
  const add = (text: string, script = "limits") => log.add({ script, version: 2, text });
  const texts = () => written.flatMap(({ batch }) => batch.lines.map(({ text }) => text));
  return { timers, written, outage, log, add, texts };
}

describe("what scripts log", () => {
  it("is written once a second, in one batch for each policy, for a week", async () => {
    const { timers, written, add } = setUp();
    add("one");
    add("two");
    add("three", "other");
    expect(written).toEqual([]);
    await timers.advance(1000);
    expect(written.map(({ name, batch }) => [name, batch.lines.map(({ text }) => text)])).toEqual([
      ["limits", ["one", "two"]],
      ["other", ["three"]],
    ]);
    const week = 7 * 24 * 3600 * 1000;
    expect(written[0]?.expireAt.getTime()).toBe(timers.now() + week);
    expect(written[0]?.batch.lines[0]).toEqual({
      at: new Date(1_000_000),
      version: 2,
      text: "one",
    });
    await timers.advance(10_000);
    expect(written).toHaveLength(2);
  });

  it("has ids in the order of time, although many come at once", async () => {
    const { timers, written, add } = setUp();
    for (let second = 0; second < 12; second++) {
      for (let at = 0; at < 3; at++) add("x", `policy-${at}`);
      await timers.advance(1000);
    }
    const ids = written.map(({ batch }) => batch.id);
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(36);
  });

  it("is bounded, and says how much was left out", async () => {
    const { timers, add, texts } = setUp();
    for (let at = 0; at < 1000; at++) add(`line ${at}`);
    add("x".repeat(10_000), "long");
    await timers.advance(1000);
    const lines = texts();
    expect(lines).toHaveLength(202);
    expect(lines[199]).toBe("line 199");
    expect(lines[200]).toBe("(800 more lines were not kept)");
    expect(lines[201]).toHaveLength(2000);
    // A second later there is room for twenty more, and quiet ones in between do not make it a new beginning.
    for (let at = 0; at < 1000; at++) add(`again ${at}`);
    await timers.advance(1000);
    expect(texts().filter((text) => text.startsWith("again"))).toHaveLength(20);
  });

  it("waits while the store is away, the oldest lines giving way", async () => {
    const { timers, outage, add, texts } = setUp();
    outage.error = new Error("no answer");
    for (let second = 0; second < 60; second++) {
      for (let at = 0; at < 20; at++) add(`${second}.${at}`);
      await timers.advance(1000);
    }
    outage.error = null;
    await timers.advance(1000);
    const lines = texts();
    expect(lines).toHaveLength(501);
    expect(lines.slice(-2)).toEqual(["59.19", "(700 more lines were not kept)"]);
  });

  it("is written in batches that fit into a document, whatever its letters", async () => {
    const { timers, written, add, texts } = setUp();
    const long = "€".repeat(2000);
    for (let at = 0; at < 200; at++) add(`${at}${long}`);
    await timers.advance(1000);
    expect(texts().map((text) => Number.parseInt(text, 10))).toEqual(
      Array.from({ length: 200 }, (_, at) => at),
    );
    expect(written).toHaveLength(2);
    for (const { batch } of written)
      expect(Buffer.byteLength(JSON.stringify(batch))).toBeLessThan(900_000);
  });

  it("of standard policies has no place in the store", async () => {
    const { timers, written, add } = setUp();
    add("x", "standard/cors");
    await timers.advance(5000);
    expect(written).toEqual([]);
  });

  it("is written when the gateway stops, and nothing afterwards", async () => {
    const { timers, log, add, texts } = setUp();
    add("last");
    await log.stop();
    expect(texts()).toEqual(["last"]);
    add("too late");
    await timers.advance(5000);
    expect(texts()).toEqual(["last"]);
  });
});
