/** Requests whose policies wait for a limit: framing, order, clients that leave, and what is decided meanwhile. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadLua } from "../lua/lua-instance.ts";
import { NO_MARKER, PolicyHost } from "../policies/policy-host.ts";
import { FakeLimiter } from "../testing/fake-limiter.ts";
import { PlaneRig } from "../testing/plane-rig.ts";
import { HOST } from "../testing/proxy-rig.ts";
import { eventually, type RawClient } from "../testing/test-gateway.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";

const lua = await loadLua();

/** Limits what names a key in its query. */
const LIMITING = `function on_request(req)
  local key = req:query_param("key")
  if not key then return end
  local allowed, wait = limit(key, 1, 1, "strict")
  resp:set_header("x-version", VERSION)
  if allowed then return end
  resp:set_header("retry-after", math.ceil(wait))
  return deny(429, "too many")
end`;

let rig: PlaneRig;
let limiter: FakeLimiter;
let policies: PolicyHost;
/** Of the requests that reached the replica, in their order. */
let reached: string[];

beforeEach(async () => {
  limiter = new FakeLimiter();
  reached = [];
  const timers = virtualTimers();
  policies = new PolicyHost({ lua, timers, limiter, marker: NO_MARKER, log: fail, onFault: fail });
  load(1);
  rig = await PlaneRig.start({
    chainOf: (_attached, projectId) =>
      policies.chainOf([{ policy: "limiting", config: {} }], projectId),
  });
  rig.serve(await rig.replicas.http(answer));
});

afterEach(async () => {
  await rig.stop();
  policies.close();
});

function fail(): never {
  throw new Error("the policy failed");
}

function load(version: number): void {
  const source = LIMITING.replace("VERSION", String(version));
  policies.replaceScripts([{ name: "limiting", kind: "request", version, source }]);
}

/** With the path it was asked for and how many bytes it got. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const { url = "" } = request;
  reached.push(url);
  let bytes = 0;
  request.on("data", (data: Buffer) => (bytes += data.length));
  request.on("end", () => response.end(`<${url} ${bytes}>`));
}

function get(target: string): string {
  return `GET ${target} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
}

function post(target: string, length: number): string {
  return `POST ${target} HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${length}\r\n\r\n`;
}

function bodiesIn(text: string): string[] {
  return [...text.matchAll(/<[^<>]*>|too many/g)].map(([body]) => body);
}

async function bodies(client: RawClient, count: number): Promise<string[]> {
  return bodiesIn(await client.until((text) => bodiesIn(text).length >= count));
}

/** Answers once so many wait for the key. */
async function waiting(key: string, count = 1): Promise<void> {
  await eventually(`${count} wait for ${key}`, () => limiter.waitingFor(key) === count, 20_000);
}

test("a request waits until the limit is known, and others are served meanwhile", async () => {
  const [waits, other] = [await rig.client(), await rig.client()];
  waits.send(get("/a?key=k"));
  await waiting("k");
  other.send(get("/b"));
  expect(await bodies(other, 1)).toEqual(["</b 0>"]);
  expect(waits.text()).toBe("");
  limiter.tell("k", 1);
  expect(await bodies(waits, 1)).toEqual(["</a?key=k 0>"]);
  expect(limiter.taken).toEqual(["k"]);
  expect(rig.listener.metrics.waited).toBe(1);
});

test.each([
  ["there is a token", 1, ["</1?key=k 0>", "</2 0>", "</3 0>"]],
  ["there is none", 0, ["too many", "</2 0>", "</3 0>"]],
])("pipelined requests behind one that waits keep their order: %s", async (_, tokens, expected) => {
  const c = await rig.client();
  c.send(get("/1?key=k") + get("/2") + get("/3"));
  await waiting("k");
  expect(reached).toEqual([]);
  limiter.tell("k", tokens);
  expect(await bodies(c, 3)).toEqual(expected);
});

test("several of one connection wait one after another", async () => {
  const c = await rig.client();
  c.send(["a", "b", "c"].map((key) => get(`/${key}?key=${key}`)).join(""));
  for (const [index, key] of ["a", "b", "c"].entries()) {
    await waiting(key);
    expect(await bodies(c, index)).toHaveLength(index);
    limiter.tell(key, 1);
  }
  expect(await bodies(c, 3)).toEqual(["</a?key=a 0>", "</b?key=b 0>", "</c?key=c 0>"]);
});

test("a limit that is still not known when asked again is waited for again", async () => {
  const c = await rig.client();
  c.send(get("/a?key=k"));
  for (let time = 0; time < 5; time++) {
    await waiting("k");
    limiter.wake("k");
  }
  await waiting("k");
  limiter.tell("k", 1);
  expect(await bodies(c, 1)).toEqual(["</a?key=k 0>"]);
  expect([...policies.stats()].map(({ calls }) => calls)).toEqual([1]);
  expect(rig.listener.metrics.waited).toBe(1);
});

test("what is not known after a second counts as over the limit, though woken in between", async () => {
  const c = await rig.client();
  c.send(get("/a?key=k") + get("/b"));
  await waiting("k");
  await rig.clock.advance(600);
  limiter.wake("k");
  await waiting("k");
  await rig.clock.advance(399);
  expect(c.text()).toBe("");
  await rig.clock.advance(1);
  expect(await bodies(c, 2)).toEqual(["too many", "</b 0>"]);
  expect(c.text()).toMatch(/^HTTP\/1\.1 429 [^]*\r\nretry-after: 1\r\n/);
  expect(limiter.taken).toEqual([]);
  const { status, durationMs } = await rig.record();
  expect([status, durationMs]).toEqual([429, 1000]);
  // Who is told too late changes nothing.
  limiter.tell("k", 1);
  c.send(get("/c"));
  expect(await bodies(c, 3)).toEqual(["too many", "</b 0>", "</c 0>"]);
  expect(limiter.taken).toEqual([]);
});

test.each([
  ["in one piece", 1000, 1000],
  ["in pieces", 30_000, 1000],
  ["more than is held", 1_000_000, 50_000],
])("a body that arrives while its request waits is sent on: %s", async (_, size, piece) => {
  const c = await rig.client();
  c.send(post("/up?key=k", size));
  await waiting("k");
  for (let sent = 0; sent < size; sent += piece) c.send("x".repeat(Math.min(piece, size - sent)));
  c.send(get("/next"));
  limiter.tell("k", 1);
  expect(await bodies(c, 2)).toEqual([`</up?key=k ${size}>`, "</next 0>"]);
});

test("a chunked body that arrives while its request waits is sent on, whole and once", async () => {
  const c = await rig.client();
  c.send(`POST /up?key=k HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab`);
  await waiting("k");
  c.send("cde\r\n3\r\nfgh\r\n");
  limiter.tell("k", 1);
  await eventually("the replica has the head", () => reached.length === 1);
  c.send(`0\r\n\r\n${get("/next")}`);
  expect(await bodies(c, 2)).toEqual(["</up?key=k 8>", "</next 0>"]);
});

test.each([
  ["has arrived", 10_000, 10_000],
  ["is still to come", 10_000, 10],
])(
  "the body of a request that is refused after its wait is passed over: it %s",
  async (_, size, first) => {
    const c = await rig.client();
    c.send(post("/up?key=k", size) + "x".repeat(first));
    await waiting("k");
    limiter.tell("k", 0);
    expect(await bodies(c, 1)).toEqual(["too many"]);
    c.send("x".repeat(size - first) + get("/next"));
    expect(await bodies(c, 2)).toEqual(["too many", "</next 0>"]);
  },
);

test("a body too large to be passed over ends the connection with the refusal", async () => {
  const c = await rig.client();
  c.send(post("/up?key=k", 10_000_000));
  await waiting("k");
  limiter.tell("k", 0);
  expect(bodiesIn(await c.closed())).toEqual(["too many"]);
});

test.each(["end", "resetAndDestroy"] as const)(
  "nothing goes on for a client that leaves while its request waits: %s",
  async (how) => {
    const c = await rig.client();
    c.send(get("/a?key=k") + get("/b"));
    await waiting("k");
    c.socket[how]();
    await eventually("it is gone", () => rig.listener.clients() === 0);
    limiter.tell("k", 1);
    await rig.clock.advance(2000);
    const { status, end } = await rig.record();
    expect([status, end]).toEqual([499, "client-left"]);
    expect([limiter.taken, reached, rig.served.length]).toEqual([[], [], 1]);
  },
);

test("a drain lets what waits be decided, and closes with its answer", async () => {
  const c = await rig.client();
  c.send(get("/a?key=k"));
  await waiting("k");
  const stopped = rig.plane.stop(5000);
  await rig.clock.advance(500);
  expect(rig.listener.clients()).toBe(1);
  limiter.tell("k", 1);
  const text = await c.closed();
  expect(bodiesIn(text)).toEqual(["</a?key=k 0>"]);
  expect(text).toMatch(/\r\nconnection: close\r\n/i);
  await rig.clock.advance(5000);
  await stopped;
});

test("a drain that has no more time ends what waits", async () => {
  const c = await rig.client();
  c.send(get("/a?key=k"));
  await waiting("k");
  const stopped = rig.plane.stop(300);
  await rig.clock.advance(300);
  await stopped;
  expect(await c.closed()).toBe("");
  expect((await rig.record()).end).toBe("client-left");
});

test("the version that made a request wait decides it, whatever was loaded meanwhile", async () => {
  const c = await rig.client();
  c.send(get("/a?key=k") + get("/b?key=k"));
  await waiting("k");
  load(2);
  rig.plane.renewChains();
  limiter.tell("k", 2);
  await bodies(c, 2);
  expect([...c.text().matchAll(/x-version: (\d)/g)].map(([, version]) => version)).toEqual([
    "1",
    "2",
  ]);
});

test("a version that was taken out while a request waited is not asked again", async () => {
  const c = await rig.client();
  c.send(get("/a?key=k"));
  await waiting("k");
  policies.disable("limiting", 1);
  limiter.tell("k", 1);
  expect(await c.until((text) => text.includes("\r\n\r\n"))).toMatch(/^HTTP\/1\.1 500 /);
  expect(limiter.taken).toEqual([]);
});

test("1,000 wait at once; as many pass as there are tokens, and each gets one answer", async () => {
  const clients = await Promise.all(Array.from({ length: 1000 }, () => rig.client()));
  for (const c of clients) c.send(get("/a?key=k"));
  await waiting("k", 1000);
  limiter.tell("k", 100);
  const answers = await Promise.all(clients.map((c) => bodies(c, 1)));
  expect(answers.filter(([body]) => body === "too many")).toHaveLength(900);
  expect([reached.length, limiter.taken.length]).toEqual([100, 100]);
  for (const c of clients) c.socket.destroy();
  await eventually("all are gone", () => rig.listener.clients() === 0);
  expect(rig.served).toHaveLength(1000);
});

test("what clients send while they wait stays in their sockets", async () => {
  const [count, size] = [50, 1_000_000];
  const body = Buffer.alloc(size, "x");
  const clients = await Promise.all(Array.from({ length: count }, () => rig.client()));
  for (const c of clients) c.send(post("/up?key=k", size));
  await waiting("k", count);
  const before = process.memoryUsage().arrayBuffers;
  for (const c of clients) c.send(body);
  await eventually("none can send more", () => clients.every(({ socket }) => isStuck(socket)));
  const held = process.memoryUsage().arrayBuffers - before;
  // 64 KiB and what one read brings; as much again may not be collected yet.
  expect(held / count).toBeLessThan(4 * 64 * 1024);
  limiter.tell("k", count);
  for (const c of clients) expect(await bodies(c, 1)).toEqual([`</up?key=k ${size}>`]);
});

const lengths = new WeakMap<RawClient["socket"], number>();
function isStuck(socket: RawClient["socket"]): boolean {
  const former = lengths.get(socket);
  lengths.set(socket, socket.writableLength);
  return former === socket.writableLength;
}
