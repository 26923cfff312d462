import { createServer } from "node:http";
import type { IncomingHttpHeaders, Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CloudSchedulerClient } from "@google-cloud/scheduler";
import { credentials } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { Timers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { startScheduler } from "./index.ts";
import type { DeclaredJob, RunningScheduler } from "./index.ts";

const parent = "projects/demo/locations/local-1";
const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

let dataDir: string;
let scheduler: RunningScheduler;
let client: CloudSchedulerClient;
let endpoint: Server;
let url: string;
let received: { method: string; headers: IncomingHttpHeaders; body: string }[];

async function start(jobs: readonly DeclaredJob[] = [], timers: Timers = systemTimers) {
  process.env["METADATA_SERVER_DETECTION"] = "none";
  scheduler = await startScheduler({
    projectId: "demo",
    location: "local-1",
    dataDir,
    jobs,
    timers,
    log: silentLogger,
    idToken: async (account, audience) => `${account}:${audience}`,
  });
  client = new CloudSchedulerClient({
    projectId: "demo",
    apiEndpoint: "127.0.0.1",
    port: scheduler.port,
    sslCreds: credentials.createInsecure(),
  });
}

async function stop(): Promise<void> {
  await client.close();
  await scheduler.stop();
}

const job = (id: string) => ({
  name: `${parent}/jobs/${id}`,
  schedule: "0 4 * * 1",
  timeZone: "Etc/UTC",
  httpTarget: { uri: url, httpMethod: "PUT" as const, body: Buffer.from("hi") },
});

const reap = (over: Partial<DeclaredJob> = {}): DeclaredJob => ({
  id: "reap",
  schedule: "* * * * *",
  timeZone: "Etc/UTC",
  url,
  serviceAccount: "scheduler@demo",
  ...over,
});

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "scheduler-"));
  received = [];
  endpoint = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      received.push({ method: request.method ?? "", headers: request.headers, body });
      response.writeHead(200).end();
    });
  });
  await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/reap`;
});

afterEach(async () => {
  await stop();
  endpoint.closeAllConnections();
  await new Promise((resolve) => endpoint.close(resolve));
  await rm(dataDir, { recursive: true });
});

describe("declared jobs", () => {
  test("one with runOnStart runs at once, with an identity", async () => {
    await start([reap({ runOnStart: true, body: '{"why":"start"}' }), reap({ id: "other" })]);
    await until(() => expect(received).toHaveLength(1));
    expect(received[0]).toMatchObject({
      method: "POST",
      body: '{"why":"start"}',
      headers: {
        authorization: `Bearer scheduler@demo:${url}`,
        "content-type": "application/json",
        "x-cloudscheduler": "true",
        "x-cloudscheduler-jobname": "reap",
      },
    });
  });

  test("a job runs at each of its times and not in between", async () => {
    let now = Date.parse("2026-03-01T12:00:30Z");
    let tasks: { at: number; task: () => void }[] = [];
    const timers: Timers = {
      ...systemTimers,
      now: () => now,
      after(delayMs, task) {
        const entry = { at: now + delayMs, task };
        tasks.push(entry);
        return { cancel: () => (tasks = tasks.filter((other) => other !== entry)) };
      },
    };
    const advance = (ms: number) => {
      now += ms;
      const due = tasks.filter(({ at }) => at <= now);
      tasks = tasks.filter(({ at }) => at > now);
      for (const { task } of due) task();
    };
    await start([reap()], timers);
    advance(29_999);
    expect(scheduler.info()["jobs"]).toMatchObject({ reap: { next: "2026-03-01T12:01:00.000Z" } });
    advance(1);
    await until(() => expect(received).toHaveLength(1));
    await until(() => expect(scheduler.info()["jobs"]).toMatchObject({ reap: { succeeded: 1 } }));
    expect(scheduler.info()["jobs"]).toMatchObject({ reap: { next: "2026-03-01T12:02:00.000Z" } });
    advance(60_000);
    await until(() => expect(received).toHaveLength(2));
  });

  test("a schedule follows its time zone", async () => {
    const now = Date.parse("2026-07-01T00:00:00Z");
    const timers = { ...systemTimers, now: () => now };
    await start([reap({ schedule: "0 3 * * *", timeZone: "Europe/Berlin" })], timers);
    expect(scheduler.info()["jobs"]).toMatchObject({ reap: { next: "2026-07-01T01:00:00.000Z" } });
  });
});

describe("the stock client", () => {
  test("creates, lists, runs and deletes a job", async () => {
    await start([reap()]);
    const [created] = await client.createJob({ parent, job: job("price") });
    expect(created).toMatchObject({ state: "ENABLED", schedule: "0 4 * * 1" });
    const [listed] = await client.listJobs({ parent });
    expect(listed.map(({ name }) => name)).toEqual([`${parent}/jobs/price`, `${parent}/jobs/reap`]);
    await client.runJob({ name: created.name ?? "" });
    await until(() => expect(received).toMatchObject([{ method: "PUT", body: "hi" }]));
    await client.deleteJob({ name: created.name ?? "" });
    await expect(client.getJob({ name: created.name ?? "" })).rejects.toThrow(/NOT_FOUND/);
  });

  test("jobs and pauses survive a restart, also against a declaration", async () => {
    await start([reap()]);
    await client.createJob({ parent, job: job("price") });
    await client.pauseJob({ name: `${parent}/jobs/reap` });
    await stop();
    await start([reap({ schedule: "*/5 * * * *" })]);
    const [kept] = await client.getJob({ name: `${parent}/jobs/price` });
    expect(kept.httpTarget?.uri).toBe(url);
    const [paused] = await client.getJob({ name: `${parent}/jobs/reap` });
    expect(paused).toMatchObject({ state: "PAUSED", schedule: "*/5 * * * *" });
    const [resumed] = await client.resumeJob({ name: `${parent}/jobs/reap` });
    expect(resumed.state).toBe("ENABLED");
  });

  test.each([
    ["App Engine syntax", { schedule: "every 5 minutes" }, /five fields/],
    ["an impossible minute", { schedule: "99 * * * *" }, /INVALID_ARGUMENT/],
    ["an unknown time zone", { timeZone: "Mars/Base" }, /Mars\/Base/],
    ["a Pub/Sub target", { httpTarget: null, pubsubTarget: { topicName: "t" } }, /not implemented/],
    ["retries", { retryConfig: { retryCount: 3 } }, /retryConfig.retryCount is not implemented/],
  ])("%s is refused in words", async (_, over, why) => {
    await start();
    await expect(client.createJob({ parent, job: { ...job("odd"), ...over } })).rejects.toThrow(
      why,
    );
  });

  test("UpdateJob is UNIMPLEMENTED by name", async () => {
    await start([reap()]);
    const update = client.updateJob({ job: job("reap"), updateMask: { paths: ["schedule"] } });
    await expect(update).rejects.toThrow(/UNIMPLEMENTED.*UpdateJob/);
  });
});
