import { createServer } from "node:http";
import type { IncomingHttpHeaders, Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cloudEvent } from "@google-cloud/functions-framework";
import { getTestServer } from "@google-cloud/functions-framework/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import type { CommitRecord } from "../firestore/document.ts";
import type { CommitSource } from "./commit-source.ts";
import { startEventarc } from "./index.ts";
import type { RunningEventarc } from "./index.ts";

const documents = "projects/demo/databases/(default)/documents";
const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

/** A commit log in memory that outlives the stand-in, as the store's does. */
class FakeSource implements CommitSource {
  readonly commits: CommitRecord[] = [];
  readonly listeners = new Set<(commit: CommitRecord) => void>();
  floor: () => number = () => Infinity;

  onCommit(listener: (commit: CommitRecord) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
  async replay(after: number, visit: (commit: CommitRecord) => void): Promise<void> {
    for (const commit of this.commits) if (commit.sequence > after) visit(commit);
  }
  retain(floor: () => number): void {
    this.floor = floor;
  }
  lastSequence(): number {
    return this.commits.at(-1)?.sequence ?? 0;
  }
  create(path: string, fields: Record<string, Record<string, unknown>> = {}): void {
    this.change(path, null, fields);
  }
  change(
    path: string,
    before: Record<string, Record<string, unknown>> | null,
    after: Record<string, Record<string, unknown>> | null,
  ): void {
    const commitTime = new Date().toISOString();
    const name = `${documents}/${path}`;
    const version = (fields: Record<string, Record<string, unknown>> | null) =>
      fields === null ? null : { name, fields, createTime: commitTime, updateTime: commitTime };
    const changes = [{ name, before: version(before), after: version(after) }];
    const commit = { sequence: this.lastSequence() + 1, commitTime, changes };
    this.commits.push(commit);
    for (const listener of this.listeners) listener(commit);
  }
}

let dataDir: string;
let source: FakeSource;
let endpoint: Server;
let url: string;
let received: { headers: IncomingHttpHeaders; body: Record<string, unknown> }[];
let answers: (document: string) => number;
let eventarc: RunningEventarc;

async function start(over: object = {}): Promise<void> {
  eventarc = await startEventarc({
    projectId: "demo",
    location: "local-1",
    dataDir,
    source,
    timers: systemTimers,
    log: silentLogger,
    idToken: async (account, audience) => `${account}:${audience}`,
    retry: { minimumMs: 5, maximumMs: 20 },
    triggers: [
      {
        id: "publish-events",
        eventType: "google.cloud.firestore.document.v1.created",
        documentPattern: "deployments/{deploymentId}/transitions/{seq}",
        url,
        serviceAccount: "eventarc",
      },
    ],
    ...over,
  });
}

const seen = () => received.map(({ headers }) => String(headers["ce-document"]));

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "eventarc-"));
  source = new FakeSource();
  received = [];
  answers = () => 204;
  endpoint = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const { headers } = request;
      received.push({ headers, body: JSON.parse(text) as Record<string, unknown> });
      response.writeHead(answers(String(headers["ce-document"]))).end();
    });
  });
  await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/publish-events`;
});

afterEach(async () => {
  await eventarc.stop();
  endpoint.closeAllConnections();
  await new Promise((resolve) => endpoint.close(resolve));
  await rm(dataDir, { recursive: true });
});

describe("a document trigger", () => {
  test("sends a binary CloudEvent with the document and an ID token", async () => {
    await start();
    source.create("deployments/d1/transitions/000001", { to: { stringValue: "queued" } });
    await until(() => expect(received).toHaveLength(1));
    expect(received[0]?.headers).toMatchObject({
      authorization: `Bearer eventarc:${url}`,
      "content-type": "application/json",
      "ce-type": "google.cloud.firestore.document.v1.created",
      "ce-source": "//firestore.googleapis.com/projects/demo/databases/(default)",
      "ce-subject": "documents/deployments/d1/transitions/000001",
      "ce-document": "deployments/d1/transitions/000001",
      "ce-specversion": "1.0",
      "ce-project": "demo",
      "ce-location": "local-1",
    });
    expect(received[0]?.body).toMatchObject({
      value: {
        name: `${documents}/deployments/d1/transitions/000001`,
        fields: { to: { stringValue: "queued" } },
      },
    });
    expect(received[0]?.body).not.toHaveProperty("oldValue");
  });

  test("is read by the functions framework as a CloudEvent", async () => {
    const events: unknown[] = [];
    cloudEvent("publish-events-probe", (event: unknown) => void events.push(event));
    const server = getTestServer("publish-events-probe");
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await start();
    source.create("deployments/d1/transitions/000001", { seq: { integerValue: "1" } });
    await until(() => expect(events).toHaveLength(1));
    expect(events[0]).toMatchObject({
      type: "google.cloud.firestore.document.v1.created",
      subject: "documents/deployments/d1/transitions/000001",
      data: { value: { fields: { seq: { integerValue: "1" } } } },
    });
    await eventarc.stop();
    await new Promise((resolve) => server.close(resolve));
  });

  test.each([
    ["created", 1],
    ["updated", 1],
    ["deleted", 1],
    ["written", 3],
  ])("of type %s fires for its changes only", async (kind, count) => {
    await start({
      triggers: [
        {
          id: "t",
          eventType: `google.cloud.firestore.document.v1.${kind}`,
          documentPattern: "routes/{host}",
          url,
          serviceAccount: "eventarc",
        },
      ],
    });
    const [one, two] = [{ n: { integerValue: "1" } }, { n: { integerValue: "2" } }];
    source.change("routes/a", null, one);
    source.change("routes/a", one, one);
    source.change("routes/a", one, two);
    source.change("routes/a", two, null);
    source.create("routes/a/below/b");
    source.create("other/a");
    await until(() => expect(eventarc.info()["cursor"]).toBe(6));
    expect(received).toHaveLength(count);
    const updates = received.filter(({ body }) => body["updateMask"] !== undefined);
    for (const { body } of updates) expect(body["updateMask"]).toEqual({ fieldPaths: ["n"] });
  });

  test("repeats an event under the same id until it is acknowledged", async () => {
    let left = 3;
    answers = () => (left-- > 0 ? 503 : 200);
    await start();
    source.create("deployments/d1/transitions/000001");
    await until(() => expect(eventarc.info()["delivered"]).toBe(1));
    expect(received).toHaveLength(4);
    expect(new Set(received.map(({ headers }) => headers["ce-id"])).size).toBe(1);
  });
});

describe("after a restart", () => {
  test("unacknowledged events come again, those behind the cursor do not", async () => {
    answers = (document) => (document.includes("stuck") ? 500 : 204);
    await start();
    source.create("deployments/a/transitions/1");
    source.create("deployments/b/transitions/1");
    await until(() => expect(eventarc.info()["cursor"]).toBe(2));
    source.create("deployments/stuck/transitions/1");
    source.create("deployments/c/transitions/1");
    await until(() => expect(eventarc.info()["delivered"]).toBe(3));
    expect(eventarc.info()["cursor"]).toBe(2);
    await eventarc.stop();
    received = [];
    answers = () => 204;
    await start();
    await until(() => expect(eventarc.info()["cursor"]).toBe(4));
    expect(seen().toSorted()).toEqual([
      "deployments/c/transitions/1",
      "deployments/stuck/transitions/1",
    ]);
  });

  test("commits made while it was down are delivered", async () => {
    await start();
    await eventarc.stop();
    source.create("deployments/missed/transitions/1");
    await start();
    await until(() => expect(seen()).toEqual(["deployments/missed/transitions/1"]));
  });
});

test("a full backlog pauses reading and nothing is lost", async () => {
  answers = () => 500;
  await start({ maxPending: 5, concurrency: 3 });
  for (let n = 0; n < 40; n += 1) source.create(`deployments/d${n}/transitions/1`);
  await until(() => expect(received.length).toBeGreaterThan(5));
  expect(eventarc.info()["pending"]).toBe(5);
  answers = () => 204;
  await until(() => expect(eventarc.info()["cursor"]).toBe(40));
  expect(new Set(seen()).size).toBe(40);
});
