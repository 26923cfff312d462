/** Eventarc over the embedded Firestore itself, whose log is compacted all the time. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger, type LogFields, type Logger } from "@bifrost/shared/ports/logger";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startFirestore, type RunningFirestore } from "../firestore/index.ts";
import { startEventarc, type RunningEventarc } from "./index.ts";

const PROJECT = "demo";
const ROOT = `projects/${PROJECT}/databases/(default)/documents`;
const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

let home: string;
let endpoint: Server;
let firestore: RunningFirestore;
let eventarc: RunningEventarc;
let answer: number;
/** The new value of each acknowledged event, and the old one. */
let delivered: (readonly [value: number, oldValue: number])[];
let errors: LogFields[];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "eventarc-"));
  answer = 204;
  delivered = [];
  errors = [];
  endpoint = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const body = JSON.parse(text) as Record<string, { fields: { n: { integerValue: string } } }>;
      const numberIn = (name: string) => Number(body[name]?.fields.n.integerValue ?? 0);
      if (answer === 204) delivered.push([numberIn("value"), numberIn("oldValue")]);
      response.writeHead(answer).end();
    });
  });
  await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  await stop();
  endpoint.closeAllConnections();
  await new Promise((resolve) => endpoint.close(resolve));
  rmSync(home, { recursive: true });
});

async function start(): Promise<void> {
  const log: Logger = {
    ...silentLogger,
    error: (event, fields) => errors.push({ event, ...fields }),
  };
  const base = { projectId: PROJECT, timers: systemTimers, log };
  firestore = await startFirestore({
    ...base,
    dataDir: join(home, "firestore"),
    rules: { check: () => ({ allowed: false, reason: "only the owner is served" }) },
    verifyIdToken: () => Promise.reject(new Error("nobody signs in")),
    ownerToken: "owner",
    awaitsReader: true,
    compaction: { logBytes: 1000, snapshots: 1 },
  });
  eventarc = await startEventarc({
    ...base,
    location: "local-1",
    dataDir: join(home, "eventarc"),
    source: firestore,
    idToken: async () => "token",
    retry: { minimumMs: 5, maximumMs: 20 },
    triggers: [
      {
        id: "on-write",
        eventType: "google.cloud.firestore.document.v1.written",
        documentPattern: "counters/{id}",
        url: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/`,
        serviceAccount: "eventarc",
      },
    ],
  });
}

async function stop(): Promise<void> {
  await eventarc.stop();
  await firestore.stop();
}

/** Writes n = `from` … `to` to one document, a commit each. */
async function count(from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n += 1) {
    const update = { name: `${ROOT}/counters/one`, fields: { n: { integerValue: n } } };
    const response = await fetch(`http://127.0.0.1:${firestore.port}/v1/${ROOT}:commit`, {
      method: "POST",
      headers: { authorization: "Bearer owner" },
      body: JSON.stringify({ writes: [{ update }] }),
    });
    expect(response.status).toBe(200);
  }
}

const steps = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => [from + index, from + index - 1]);
const sorted = () => delivered.toSorted(([a], [b]) => a - b);
const snapshots = () =>
  readdirSync(join(home, "firestore")).filter((name) => name.startsWith("snapshot-")).length;

test("what was not acknowledged is not compacted away, over restarts and with its old values", async () => {
  await start();
  await count(1, 5);
  await until(() => expect(sorted()).toEqual(steps(1, 5)));
  answer = 503;
  await count(6, 40);
  expect(snapshots()).toBeGreaterThan(2);
  await stop();
  await start();
  await count(41, 60);
  await stop();
  delivered = [];
  answer = 204;
  await start();
  await until(() => expect(sorted()).toEqual(steps(6, 60)));
  await until(() => expect(eventarc.info()["cursor"]).toBe(60));
  expect(errors).toEqual([]);
});

test("once everything is acknowledged the old generations go", async () => {
  answer = 503;
  await start();
  await count(1, 40);
  expect(snapshots()).toBeGreaterThan(2);
  answer = 204;
  await until(() => expect(eventarc.info()["cursor"]).toBe(40));
  await stop();
  await start();
  await until(() => expect(snapshots()).toBe(1));
});

test("a reader that lost its place says which commits are gone and delivers the rest", async () => {
  await start();
  await count(1, 40);
  await until(() => expect(eventarc.info()["cursor"]).toBe(40));
  await stop();
  await start();
  await until(() => expect(snapshots()).toBe(1));
  const oldest = Number(firestore.info()["snapshotSequence"]);
  await stop();
  rmSync(join(home, "eventarc"), { recursive: true });
  delivered = [];
  await start();
  expect(errors).toEqual([
    {
      event: "commits are gone before their events were delivered; the rest is delivered",
      after: 0,
      oldest,
    },
  ]);
  await until(() => expect(sorted()).toEqual(steps(oldest + 1, 40)));
});

test("a store that was begun anew is delivered from its beginning, and that is said", async () => {
  await start();
  await count(1, 5);
  await until(() => expect(eventarc.info()["cursor"]).toBe(5));
  await stop();
  rmSync(join(home, "firestore"), { recursive: true });
  delivered = [];
  await start();
  expect(errors).toMatchObject([{ cursor: 5, lastSequence: 0 }]);
  await count(1, 3);
  await until(() => expect(sorted()).toEqual(steps(1, 3)));
  await until(() => expect(eventarc.info()["cursor"]).toBe(3));
});
