import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { startLogging } from "./index.ts";
import type { LoggingOptions, RunningLogging } from "./index.ts";
import type { LogEntry } from "./log-entry.ts";

let dataDir: string;
let logging: RunningLogging;
let published: { topic: string; entry: LogEntry }[];

async function start(over: Partial<LoggingOptions> = {}): Promise<void> {
  logging = await startLogging({
    projectId: "demo",
    dataDir,
    timers: systemTimers,
    log: silentLogger,
    sinks: [{ name: "builds", filter: { resourceTypes: ["build"] }, topic: "build-logs" }],
    publish: async (topic, messages) => {
      for (const { data } of messages)
        published.push({ topic, entry: JSON.parse(data) as LogEntry });
    },
    ...over,
  });
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "logging-"));
  published = [];
  await start();
});
afterEach(async () => {
  await logging.stop();
  await rm(dataDir, { recursive: true });
});

const build = (id: string) => ({ type: "build", labels: { build_id: id } });

async function call(method: string, body: object) {
  const reply = await fetch(`http://127.0.0.1:${logging.port}/v2/entries:${method}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const answer = (await reply.json()) as { entries?: LogEntry[]; nextPageToken?: string };
  return { status: reply.status, ...answer };
}
const list = (filter: string, more: object = {}) =>
  call("list", { resourceNames: ["projects/demo"], filter, ...more });

describe("writing", () => {
  test("fills in what is absent and reaches the sink before it is answered", async () => {
    const { status } = await call("write", {
      logName: "projects/demo/logs/cloudbuild",
      resource: build("b1"),
      labels: { step: "0" },
      entries: [{ textPayload: "hello" }, { textPayload: "world", severity: "ERROR" }],
    });
    expect(status).toBe(200);
    expect(published.map(({ topic, entry }) => [topic, entry.textPayload])).toEqual([
      ["build-logs", "hello"],
      ["build-logs", "world"],
    ]);
    const [first, second] = published.map(({ entry }) => entry);
    expect(first).toMatchObject({
      labels: { step: "0" },
      severity: "DEFAULT",
      resource: build("b1"),
    });
    expect(Date.parse(first?.timestamp ?? "")).toBeGreaterThan(Date.now() - 60_000);
    expect((first?.insertId ?? "") < (second?.insertId ?? "")).toBe(true);
  });

  test("other resource types do not reach the sink", async () => {
    const resource = { type: "k8s_container", labels: {} };
    await logging.write([{ logName: "stdout", resource, jsonPayload: { a: 1 } }]);
    expect(published).toEqual([]);
    expect((await list('resource.type="k8s_container"')).entries).toHaveLength(1);
  });

  test("fails when the sink's topic does not take the entries", async () => {
    await logging.stop();
    await start({ publish: () => Promise.reject(new Error("topic is gone")) });
    const entry = { logName: "x", resource: build("b"), textPayload: "t" };
    await expect(logging.write([entry])).rejects.toThrow("topic is gone");
  });

  test("long text becomes several entries that join to the same text", async () => {
    const text = "grüße ".repeat(60_000);
    await logging.write([{ logName: "x", resource: build("b"), textPayload: text }]);
    expect(published.length).toBeGreaterThan(1);
    expect(published.map(({ entry }) => entry.textPayload).join("")).toBe(text);
    const sizes = published.map(({ entry }) => Buffer.byteLength(JSON.stringify(entry)));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
    expect(published[1]?.entry.split).toMatchObject({ index: 1, totalSplits: published.length });
  });

  test("long JSON is cut and says so", async () => {
    const jsonPayload = { text: "x".repeat(400_000) };
    await logging.write([{ logName: "x", resource: build("b"), jsonPayload }]);
    expect(published[0]?.entry.jsonPayload).toMatchObject({ truncated: true });
  });

  test.each([
    ["without a log name", { resource: build("b"), entries: [{ textPayload: "x" }] }, 400],
    ["without a payload", { logName: "l", resource: build("b"), entries: [{}] }, 400],
    ["without entries", {}, 400],
  ])("a request %s is refused", async (_, body, status) => {
    expect((await call("write", body)).status).toBe(status);
  });
});

describe("listing", () => {
  beforeEach(async () => {
    const times = ["2026-01-01T00:00:02Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:03Z"];
    await logging.write(
      times.map((timestamp, n) => ({
        logName: "l",
        resource: build(`b${n}`),
        labels: { step: String(n) },
        textPayload: String(n),
        timestamp,
      })),
    );
  });

  test.each([
    ["", ["1", "0", "2"]],
    ['resource.labels.build_id="b1"', ["1"]],
    ['labels.step="2" AND resource.type=build', ["2"]],
    ['timestamp>="2026-01-01T00:00:02Z"', ["0", "2"]],
    ['resource.type="build"\ntimestamp<"2026-01-01T00:00:02Z"', ["1"]],
    ['resource.type="k8s_container"', []],
  ])("with filter %j finds the right entries in order", async (filter, texts) => {
    const { entries } = await list(filter);
    expect(entries?.map(({ textPayload }) => textPayload)).toEqual(texts);
  });

  test("goes page by page, newest first if asked", async () => {
    const first = await list("", { pageSize: 2, orderBy: "timestamp desc" });
    expect(first.entries?.map(({ textPayload }) => textPayload)).toEqual(["2", "0"]);
    const pageToken = first.nextPageToken;
    const second = await list("", { pageSize: 2, orderBy: "timestamp desc", pageToken });
    expect(second.entries?.map(({ textPayload }) => textPayload)).toEqual(["1"]);
    expect(second.nextPageToken).toBeUndefined();
  });

  test.each(['textPayload:"x"', 'severity>="ERROR"', "NOT resource.type=build", '"free text"'])(
    "filter %j is refused by name",
    async (filter) => {
      expect((await list(filter)).status).toBe(501);
    },
  );

  test("still works after a restart", async () => {
    await logging.stop();
    await start();
    expect((await list("")).entries).toHaveLength(3);
  });
});

test("the store drops its oldest entries instead of growing", async () => {
  await logging.stop();
  await start({ maxBytes: 16 * 2000 });
  for (let n = 0; n < 100; n += 1) {
    const textPayload = `${n} ${"x".repeat(900)}`;
    await logging.write([{ logName: "l", resource: build("b"), textPayload }]);
  }
  expect(await readdir(dataDir)).toHaveLength(16);
  const { entries } = await list("", { pageSize: 1000, orderBy: "timestamp desc" });
  expect(entries?.[0]?.textPayload?.startsWith("99 ")).toBe(true);
  expect(entries?.length).toBeLessThan(60);
});

test("what the stand-in does not do is refused by name", async () => {
  const reply = await fetch(`http://127.0.0.1:${logging.port}/v2/entries:tail`, { method: "POST" });
  expect(reply.status).toBe(501);
  expect(await reply.text()).toContain("entries:tail is not implemented");
});
