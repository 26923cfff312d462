import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { providerToken } from "@bifrost/shared/domain/provider-token";
import { systemTimers } from "@bifrost/shared/domain/time";
import { afterEach, expect, test, vi } from "vitest";
import { TokenBuckets } from "../limits/token-buckets.ts";
import { type ChargingLimiter, ProviderLimits } from "./provider-limits.ts";
import type { ProviderLimit } from "./provider-config.ts";
import { type RunningProviderServer, startProviderServer } from "./provider-server.ts";
import { UsageTable } from "./usage-table.ts";

const SECRET = "a-secret-of-enough-length";
const KEY = "sk-the-platforms-own-key";
const TOKEN = providerToken(SECRET, "p1");
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

type Handle = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** Stands for a provider: what it is asked, and what it answers. */
async function startUpstream(handle: Handle): Promise<{ url: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer(async (request, response) => {
    seen.push(request);
    let body = "";
    for await (const chunk of request) body += String(chunk);
    handle(request, response, body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`, seen };
}

/** The limiter of one process, with a clock that stands still. */
function stillBuckets(): ChargingLimiter {
  return new TokenBuckets({ ...systemTimers, now: () => 0 });
}

type Init = Omit<RequestInit, "headers"> & { headers?: Record<string, string> };

const NO_LIMIT = {
  model: "*",
  per: "project",
  requestsPerMinute: null,
  tokensPerMinute: null,
  mode: "balanced",
} as const;

async function start(url: string, limits: readonly Partial<ProviderLimit>[] = []) {
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const usage = new UsageTable();
  const server: RunningProviderServer = await startProviderServer({
    host: "127.0.0.1",
    port: 0,
    providers: [
      {
        name: "ai",
        baseUrl: new URL(url),
        keyVariable: "AI_KEY",
        keyHeader: "authorization",
        limits: limits.map((limit) => ({ ...NO_LIMIT, ...limit })),
      },
    ],
    keys: new Map([["ai", KEY]]),
    secret: SECRET,
    limits: new ProviderLimits(stillBuckets()),
    usage,
    timers: systemTimers,
    log: log as never,
  });
  ends.push(() => server.stop(0));
  const call = (path: string, init: Init = {}) =>
    fetch(`http://127.0.0.1:${server.port}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${TOKEN}`, ...init.headers },
    });
  return { server, usage, call, log };
}

const completion = (body: object = { model: "m1" }) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

const answerWith =
  (tokens: number): Handle =>
  (_request, response) =>
    response.end(JSON.stringify({ usage: { total_tokens: tokens } }));

test("a call reaches its provider with the platform's key and without anything of the caller's", async () => {
  const bodies: string[] = [];
  const { url, seen } = await startUpstream((_request, response, body) => {
    bodies.push(body);
    response.writeHead(200, {
      "content-type": "application/json",
      "set-cookie": "a=b",
      "x-id": "7",
    });
    response.end('{"usage":{"total_tokens":11}}');
  });
  const { call, usage } = await start(url);
  const answer = await call("/ai/v1/chat?x=1", {
    ...completion(),
    headers: {
      "content-type": "application/json",
      cookie: "session=1",
      "x-forwarded-for": "10.0.0.1",
      "openai-organization": "o",
    },
  });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ usage: { total_tokens: 11 } });
  expect(answer.headers.get("x-id")).toBe("7");
  expect(answer.headers.get("set-cookie")).toBeNull();
  const [{ url: target, headers }] = seen as [IncomingMessage];
  expect(target).toBe("/base/v1/chat?x=1");
  expect(headers).toMatchObject({
    authorization: `Bearer ${KEY}`,
    "openai-organization": "o",
    "accept-encoding": "identity",
  });
  expect(headers).not.toHaveProperty("cookie");
  expect(headers).not.toHaveProperty("x-forwarded-for");
  expect(JSON.stringify(headers)).not.toContain(TOKEN);
  expect(bodies).toEqual(['{"model":"m1"}']);
  await vi.waitFor(
    () =>
      expect(usage.rows()).toMatchObject([
        { provider: "ai", model: "m1", projectId: "p1", calls: 1, tokens: 11 },
      ]),
    { timeout: 5000 },
  );
});

test.each([
  ["authorization", `Bearer ${TOKEN}`],
  ["x-api-key", TOKEN],
  ["x-goog-api-key", TOKEN],
])("the token may stand in %s, where client libraries put their key", async (name, value) => {
  const { url } = await startUpstream(answerWith(1));
  const { server } = await start(url);
  const answer = await fetch(`http://127.0.0.1:${server.port}/ai/v1/models`, {
    headers: { [name]: value },
  });
  expect(answer.status).toBe(200);
});

test.each([
  ["no token", {}, 401, "unauthenticated"],
  ["a wrong token", { authorization: "Bearer p1.00" }, 401, "unauthenticated"],
])("with %s the provider hears nothing", async (_what, headers, status, code) => {
  const { url, seen } = await startUpstream(answerWith(1));
  const { server } = await start(url);
  const answer = await fetch(`http://127.0.0.1:${server.port}/ai/v1/models`, { headers });
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({ code });
  expect(seen).toEqual([]);
});

test("an unknown provider is answered with those there are", async () => {
  const { url } = await startUpstream(answerWith(1));
  const { call } = await start(url);
  const answer = await call("/other/v1/models");
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ detail: expect.stringContaining("one of: ai") });
});

test("requests over the limit of a model are answered 429 and never sent", async () => {
  const { url, seen } = await startUpstream(answerWith(1));
  const { call, usage } = await start(url, [{ model: "m1", requestsPerMinute: 12 }]);
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await call("/ai/v1/chat", completion())).status);
  const other = await call("/ai/v1/chat", completion({ model: "m2" }));
  expect(statuses).toEqual([200, 200, 429, 429]);
  expect(other.status).toBe(200);
  expect(seen.length).toBe(3);
  const answer = await call("/ai/v1/chat", completion());
  expect(answer.headers.get("retry-after")).toBe("5");
  expect(await answer.json()).toMatchObject({
    code: "rate-limited",
    detail: expect.stringContaining("model m1 of ai"),
  });
  expect(usage.rows()).toContainEqual(
    expect.objectContaining({ model: "m1", calls: 5, limited: 3 }),
  );
});

test("tokens count once the answer says how many they were", async () => {
  const { url } = await startUpstream(answerWith(1500));
  const { call, usage } = await start(url, [{ model: "*", per: "all", tokensPerMinute: 6000 }]);
  const first = await call("/ai/v1/chat", completion());
  await first.text();
  await vi.waitFor(() => expect(usage.rows()).toMatchObject([{ tokens: 1500 }]), { timeout: 5000 });
  const second = await call("/ai/v1/chat", completion({ model: "m2" }));
  expect(second.status).toBe(429);
  // 500 tokens of debt and one more, at 100 a second.
  expect(second.headers.get("retry-after")).toBe("6");
});

test("a stream comes through as it is made", async () => {
  const responses: ServerResponse[] = [];
  const { url } = await startUpstream((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: one\n\n");
    responses.push(response);
  });
  const { call } = await start(url);
  const answer = await call("/ai/v1/chat", completion());
  const reader = answer.body?.getReader();
  const first = await reader?.read();
  expect(Buffer.from(first?.value ?? []).toString()).toBe("data: one\n\n");
  responses[0]?.end("data: two\n\n");
  const second = await reader?.read();
  expect(Buffer.from(second?.value ?? []).toString()).toBe("data: two\n\n");
});

test("when the caller leaves, the provider is told", async () => {
  let hasLeft = false;
  const { url, seen } = await startUpstream((request, response) => {
    response.on("close", () => (hasLeft = true));
    response.writeHead(200);
    response.write("never ending");
    expect(request.method).toBe("POST");
  });
  const { call, log } = await start(url);
  const controller = new AbortController();
  await call("/ai/v1/chat", { ...completion(), signal: controller.signal });
  controller.abort();
  await vi.waitFor(() => expect(hasLeft).toBe(true), { timeout: 5000 });
  expect(seen.length).toBe(1);
  expect(log.error).not.toHaveBeenCalled();
});

test("a provider that cannot be reached is named, and its key is not", async () => {
  const { call, usage } = await start("http://127.0.0.1:1");
  const answer = await call("/ai/v1/chat", completion());
  const text = await answer.text();
  expect(answer.status).toBe(503);
  expect(JSON.parse(text)).toMatchObject({ code: "upstream-unavailable", provider: "ai" });
  expect(text).not.toContain(KEY);
  expect(usage.rows()).toMatchObject([{ calls: 1, failed: 1 }]);
});

test("half an answer is not passed off as a whole one", async () => {
  const { url } = await startUpstream((_request, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half");
    setImmediate(() => response.destroy());
  });
  const { call } = await start(url);
  const answer = await call("/ai/v1/chat", completion());
  await expect(answer.text()).rejects.toThrow(/terminated/);
});

test("what a provider refuses costs no tokens, and the refusal comes through", async () => {
  const { url } = await startUpstream((_request, response) => {
    response.writeHead(400, { "content-type": "application/json" });
    response.end('{"error":"no such model"}');
  });
  const { call, usage } = await start(url);
  const answer = await call("/ai/v1/chat", completion());
  expect(answer.status).toBe(400);
  expect(await answer.text()).toBe('{"error":"no such model"}');
  await vi.waitFor(() => expect(usage.rows()).toMatchObject([{ calls: 1, tokens: 0 }]), {
    timeout: 5000,
  });
});

test("a body that is too large is refused before the provider hears of it", async () => {
  const { url, seen } = await startUpstream(answerWith(1));
  const { server } = await start(url);
  const request = httpRequest({
    port: server.port,
    host: "127.0.0.1",
    method: "POST",
    path: "/ai/v1/chat",
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  request.on("error", () => undefined);
  const answered = once(request, "response");
  const chunk = Buffer.alloc(1024 ** 2);
  for (let i = 0; i < 9; i++) request.write(chunk);
  const [response] = (await answered) as [IncomingMessage];
  expect(response.statusCode).toBe(413);
  expect(seen).toEqual([]);
  request.destroy();
});
