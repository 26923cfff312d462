import { createServer } from "node:http";
import type { Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PubSub } from "@google-cloud/pubsub";
import type { CreateSubscriptionOptions, Message } from "@google-cloud/pubsub";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { startPubSub } from "./index.ts";
import type { RunningPubSub } from "./index.ts";

interface Received {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: {
    readonly subscription: string;
    readonly deliveryAttempt?: number;
    readonly message: Record<string, string> & { attributes: Record<string, string> };
  };
}

let dataDir: string;
let pubsub: RunningPubSub;
let client: PubSub;
let endpoint: Server;
let url: string;
let received: Received[];
let answers: (path: string, count: number) => number;

const fast = { minimumBackoff: { nanos: 10_000_000 }, maximumBackoff: { nanos: 20_000_000 } };
const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

async function start(): Promise<void> {
  pubsub = await startPubSub({
    projectId: "demo",
    dataDir,
    timers: systemTimers,
    log: silentLogger,
    idToken: async (email, audience) => `token:${email}:${audience}`,
  });
  process.env["METADATA_SERVER_DETECTION"] = "none";
  process.env["PUBSUB_EMULATOR_HOST"] = `127.0.0.1:${pubsub.port}`;
  client = new PubSub({ projectId: "demo" });
}

async function restart(): Promise<void> {
  await client.close();
  await pubsub.stop();
  await start();
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "pubsub-"));
  received = [];
  answers = () => 204;
  endpoint = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const path = request.url ?? "";
      const { authorization } = request.headers;
      received.push({ path, authorization, body: JSON.parse(body) as Received["body"] });
      response.writeHead(answers(path, received.length)).end();
    });
  });
  await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`;
  await start();
});

afterEach(async () => {
  await client.close();
  await pubsub.stop();
  endpoint.closeAllConnections();
  await new Promise((resolve) => endpoint.close(resolve));
  await rm(dataDir, { recursive: true });
});

async function pushTo(path: string, options: CreateSubscriptionOptions = {}): Promise<void> {
  const pushEndpoint = `${url}/${path}`;
  const oidcToken = { serviceAccountEmail: "pubsub@demo" };
  await client.createSubscription("events", path, {
    pushConfig: { pushEndpoint, oidcToken },
    retryPolicy: fast,
    ...options,
  });
}

describe("pull", () => {
  test("the stock client gets what was published, with attributes", async () => {
    const [topic] = await client.createTopic("events");
    const [subscription] = await topic.createSubscription("reader");
    const messages: Message[] = [];
    subscription.on("message", (message: Message) => (messages.push(message), message.ack()));
    const id = await topic.publishMessage({ json: { n: 1 }, attributes: { kind: "x" } });
    await until(() => expect(messages).toHaveLength(1));
    expect(messages[0]).toMatchObject({ id, attributes: { kind: "x" } });
    expect(messages[0]?.data.toString()).toBe('{"n":1}');
    await until(() =>
      expect(pubsub.info()["subscriptions"]).toMatchObject({
        reader: { backlog: 0, outstanding: 0 },
      }),
    );
    await subscription.close();
  });

  test("2000 messages arrive exactly once each while all are acknowledged", async () => {
    const [topic] = await client.createTopic("events");
    const [subscription] = await topic.createSubscription("reader");
    const seen = new Map<string, number>();
    subscription.on("message", (message: Message) => {
      seen.set(message.id, (seen.get(message.id) ?? 0) + 1);
      message.ack();
    });
    await Promise.all(
      Array.from({ length: 2000 }, (_, n) => topic.publishMessage({ json: { n } })),
    );
    await until(() => expect(seen.size).toBe(2000));
    expect(Math.max(...seen.values())).toBe(1);
    await subscription.close();
  });

  test("messages of one ordering key arrive in order", async () => {
    const [topic] = await client.createTopic("events");
    await topic.createSubscription("reader", { enableMessageOrdering: true });
    await pubsub.publish(
      "events",
      Array.from({ length: 40 }, (_, n) => ({ data: String(n), orderingKey: `k${n % 2}` })),
    );
    const seen: Record<string, number[]> = { k0: [], k1: [] };
    const subscription = client.subscription("reader");
    subscription.on("message", (message: Message) => {
      seen[message.orderingKey ?? ""]?.push(Number(message.data));
      message.ack();
    });
    await until(() => expect((seen["k0"]?.length ?? 0) + (seen["k1"]?.length ?? 0)).toBe(40));
    expect(seen["k0"]).toEqual(Array.from({ length: 20 }, (_, n) => 2 * n));
    expect(seen["k1"]).toEqual(Array.from({ length: 20 }, (_, n) => 2 * n + 1));
    await subscription.close();
  });
});

describe("push", () => {
  beforeEach(() => client.createTopic("events"));

  test("the body and the identity are what a function expects", async () => {
    await pushTo("append-logs");
    const [id] = await pubsub.publish("events", [{ data: "hello", attributes: { a: "b" } }]);
    await until(() => expect(received).toHaveLength(1));
    expect(received[0]).toMatchObject({
      path: "/append-logs",
      authorization: `Bearer token:pubsub@demo:${url}/append-logs`,
      body: {
        subscription: "projects/demo/subscriptions/append-logs",
        message: {
          data: Buffer.from("hello").toString("base64"),
          attributes: { a: "b" },
          messageId: id,
          message_id: id,
        },
      },
    });
    expect(received[0]?.body.message["publishTime"]).toMatch(/^\d{4}-.*\.\d{3}Z$/);
    expect(received[0]?.body).not.toHaveProperty("deliveryAttempt");
  });

  test("a refused message comes again until it is accepted", async () => {
    answers = (_, count) => (count < 4 ? 500 : 204);
    await pushTo("flaky");
    await pubsub.publish("events", [{ data: "x" }]);
    await until(() => expect(received).toHaveLength(4));
    await until(() =>
      expect(pubsub.info()["subscriptions"]).toMatchObject({
        flaky: { backlog: 0, outstanding: 0 },
      }),
    );
  });

  test("after five refusals a message goes to the dead-letter topic and says where from", async () => {
    answers = (path) => (path === "/poison" ? 422 : 204);
    await client.createTopic("dead");
    const deadLetterTopic = "projects/demo/topics/dead";
    await pushTo("poison", { deadLetterPolicy: { deadLetterTopic, maxDeliveryAttempts: 5 } });
    await client.createSubscription("dead", "graveyard", {
      pushConfig: { pushEndpoint: `${url}/graveyard` },
    });
    await pubsub.publish("events", [{ data: "x", attributes: { kept: "yes" } }]);
    await until(() => expect(received.some(({ path }) => path === "/graveyard")).toBe(true));
    const tries = received.filter(({ path }) => path === "/poison");
    expect(tries.map(({ body }) => body.deliveryAttempt)).toEqual([1, 2, 3, 4, 5]);
    expect(received.at(-1)?.body.message.attributes).toMatchObject({
      kept: "yes",
      CloudPubSubDeadLetterSourceSubscription: "poison",
      CloudPubSubDeadLetterSourceSubscriptionProject: "demo",
      CloudPubSubDeadLetterSourceDeliveryCount: "5",
    });
    expect(pubsub.info()["subscriptions"]).toMatchObject({ poison: { deadLettered: 1 } });
  });

  test("a filter lets only matching messages through", async () => {
    await pushTo("picky", { filter: 'attributes.kind = "a" AND attributes.level != "low"' });
    await pubsub.publish("events", [
      { data: "1", attributes: { kind: "b" } },
      { data: "2", attributes: { kind: "a", level: "low" } },
      { data: "3", attributes: { kind: "a" } },
    ]);
    await until(() => expect(received).toHaveLength(1));
    expect(received[0]?.body.message["data"]).toBe(Buffer.from("3").toString("base64"));
  });

  test("the in-process declaration is idempotent and changes the endpoint", async () => {
    const declare = (path: string) =>
      pubsub.ensureSubscription({
        name: "worker",
        topic: "events",
        pushConfig: { pushEndpoint: `${url}/${path}` },
      });
    await pubsub.ensureTopic("events");
    await declare("old");
    await declare("new");
    await pubsub.publish("events", [{ data: "x" }]);
    await until(() => expect(received.map(({ path }) => path)).toEqual(["/new"]));
  });
});

describe("a restart", () => {
  test("keeps topics, subscriptions, unacknowledged messages and their attempts", async () => {
    await client.createTopic("events");
    await client.createTopic("dead");
    answers = () => 500;
    const deadLetterTopic = "projects/demo/topics/dead";
    const retryPolicy = { minimumBackoff: { seconds: 60 }, maximumBackoff: { seconds: 60 } };
    await pushTo("worker", {
      deadLetterPolicy: { deadLetterTopic, maxDeliveryAttempts: 9 },
      retryPolicy,
    });
    const [id] = await pubsub.publish("events", [{ data: "x" }]);
    await until(() => expect(received).toHaveLength(1));
    answers = () => 204;
    await restart();
    await until(() => expect(received).toHaveLength(2));
    expect(received[1]?.body).toMatchObject({ deliveryAttempt: 2, message: { messageId: id } });
    const [next] = await pubsub.publish("events", [{ data: "y" }]);
    expect(Number(next)).toBeGreaterThan(Number(id));
    await until(() => expect(received).toHaveLength(3));
    await restart();
    await pubsub.publish("events", [{ data: "z" }]);
    await until(() => expect(received).toHaveLength(4));
    expect(received[3]?.body.message["data"]).toBe(Buffer.from("z").toString("base64"));
  });
});

describe("what is outside the subset", () => {
  beforeEach(() => client.createTopic("events"));

  test.each([
    [
      "a filter of another shape",
      { filter: 'hasPrefix(attributes.kind, "a")' },
      /filter.*not impl/,
    ],
    ["exactly-once delivery", { enableExactlyOnceDelivery: true }, /enableExactlyOnceDelivery/],
    ["an ack deadline of 5 s", { ackDeadlineSeconds: 5 }, /between 10 and 600/],
  ])("%s is refused by name", async (_, options, why) => {
    await expect(client.createSubscription("events", "odd", options)).rejects.toThrow(why);
  });

  test("UpdateTopic is UNIMPLEMENTED by name", async () => {
    await expect(client.topic("events").setMetadata({ labels: { a: "b" } })).rejects.toThrow(
      /UNIMPLEMENTED.*UpdateTopic/,
    );
  });

  test("what does not exist is NOT_FOUND, what exists ALREADY_EXISTS", async () => {
    await expect(client.topic("nope").publishMessage({ data: Buffer.from("x") })).rejects.toThrow(
      /NOT_FOUND.*nope/,
    );
    await expect(client.createTopic("events")).rejects.toThrow(/ALREADY_EXISTS/);
  });
});
