import { assert, date, integer, property, tuple } from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/test-platform.ts";
import { decideChunk, logEntrySchema } from "./decide-chunk.ts";
import { createAppendLogs } from "./handler.ts";

const ID = "depaaaaaaaaaaa";

function entry(changes: object = {}) {
  return v.parse(logEntrySchema, {
    insertId: "i1",
    timestamp: "2026-01-01T00:00:00Z",
    resource: { type: "build" },
    labels: { build_step: 'Step #0 - "install"', build_tags: `deployment-${ID},attempt-1` },
    textPayload: "hello",
    ...changes,
  });
}

const POD = {
  resource: { type: "k8s_container", labels: { container_name: "app", pod_name: "app-1" } },
  labels: { "k8s-pod/bifrost_dev/deployment": ID },
};

describe("decideChunk", () => {
  it("puts a build's line under its deployment and step", () => {
    expect(decideChunk(entry())).toMatchObject({
      deploymentId: ID,
      chunk: { stream: "build", step: "install", lines: ["hello"] },
    });
  });

  it("puts an app's line under its deployment and pod", () => {
    expect(decideChunk(entry(POD))).toMatchObject({
      deploymentId: ID,
      chunk: { stream: "runtime", step: "app-1" },
    });
  });

  it.each([
    [
      "the sidecar",
      { ...POD, resource: { type: "k8s_container", labels: { container_name: "x" } } },
    ],
    ["a build without a deployment", { labels: {} }],
    ["a pod without a deployment", { ...POD, labels: {} }],
    ["something whose deployment id is not one", { labels: { build_tags: "deployment-x" } }],
  ])("stores nothing of %s", (_, changes) => {
    expect(decideChunk(entry(changes))).toBeNull();
  });

  it.each([
    ["a\nb\n", ["a", "b"]],
    ["", [""]],
    ["\n\n", ["", ""]],
    ["x".repeat(5000), ["x".repeat(4096)]],
  ])("makes lines of %j", (textPayload, lines) => {
    expect(decideChunk(entry({ textPayload }))?.chunk.lines).toEqual(lines);
  });

  it.each(["a/b", "..", "a b", "ü"])("makes a document name of the insert id %j", (insertId) => {
    expect(decideChunk(entry({ insertId }))?.chunk.id).toMatch(/^[0-9TZ]+-[\w-]+$/);
  });

  it.each([
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z"],
    ["2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.50001Z"],
    ["2026-01-01T00:00:00.999999999Z", "2026-01-01T00:00:01Z"],
    ["2026-01-01T01:00:00+02:00", "2026-01-01T00:00:00Z"],
  ])("names %s before %s", (earlier, later) => {
    expect(nameOf(earlier) < nameOf(later)).toBe(true);
  });

  it("names sort as times do, whatever the precision each is written in", () => {
    const noInvalidDate = true;
    const range = { min: new Date("2000-01-01"), max: new Date("2100-01-01"), noInvalidDate };
    const time = tuple(
      date(range),
      integer({ min: 0, max: 9 }),
      integer({ min: 0, max: 999_999_999 }),
    );
    assert(
      property(time, time, (one, other) => {
        const [a, b] = [written(one), written(other)];
        const order = a.nanos < b.nanos ? -1 : Number(a.nanos > b.nanos);
        const [left, right] = [nameOf(a.text), nameOf(b.text)];
        expect(left < right ? -1 : Number(left > right)).toBe(order);
      }),
    );
  });
});

function nameOf(timestamp: string): string {
  return decideChunk(entry({ timestamp }))?.chunk.id ?? "";
}

function written([at, digits, nanos]: [Date, number, number]) {
  const fraction = String(nanos).padStart(9, "0").slice(0, digits);
  const seconds = Math.floor(at.getTime() / 1000);
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  return {
    text: `${text}${fraction === "" ? "" : `.${fraction}`}Z`,
    nanos: BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0")),
  };
}

describe("append-logs", () => {
  it("stores an entry once, however often it is delivered", async () => {
    const platform = new TestPlatform();
    const append = createAppendLogs(platform.ports);
    expect(await append(entry())).toEqual({ stored: true });
    expect(await append(entry())).toEqual({ stored: false });
    const { id } = platform.deployment();
    expect(await platform.deployments.lastLogs(id, "build", 9)).toHaveLength(1);
  });

  it("acknowledges what belongs to no deployment", async () => {
    const append = createAppendLogs(new TestPlatform().ports);
    expect(await append(entry({ labels: {} }))).toEqual({ stored: false });
  });
});
