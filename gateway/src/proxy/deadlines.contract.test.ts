/** Every phase of an exchange in which nothing happens ends by itself; none ends in which something does. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UNTOUCHED } from "../policies/policy-chain.ts";
import { PlaneRig } from "../testing/plane-rig.ts";
import { GET, HOST, OK } from "../testing/proxy-rig.ts";
import { eventually, type RawClient } from "../testing/test-gateway.ts";
import { DEFAULT_PROXY_LIMITS, type ProxyLimits } from "./services.ts";

let rig: PlaneRig;

beforeEach(async () => {
  rig = await PlaneRig.start();
});

afterEach(() => rig.stop());

const POST_9 = `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 9\r\n\r\n`;
const UPGRADE = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n`;
const SWITCHED = "HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
const HALF = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";

/** Another process that listens and accepts nothing; the queue before it is full, so that handshakes go unanswered. */
async function startDeafServer() {
  const program = `require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () {
    require("node:fs").writeSync(1, String(this.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const [output] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(output);
  let queued = 0;
  const sockets = Array.from({ length: 8 }, () =>
    connect(port, "127.0.0.1", () => queued++).on("error", () => undefined),
  );
  await eventually("its queue is full", () => queued === 2);
  return {
    address: `127.0.0.1:${port}`,
    close() {
      for (const socket of sockets) socket.destroy();
      child.kill("SIGKILL");
    },
  };
}

/** A replica that answers the first bytes it gets with `answer`, and its one socket. */
async function replicaWith(answer: string) {
  const found: { socket: Socket | null; received: number; isClosed: boolean } = {
    socket: null,
    received: 0,
    isClosed: false,
  };
  const replica = await rig.replicas.raw((socket) => {
    found.socket = socket;
    socket.once("data", () => socket.write(answer));
    socket.on("data", (data) => (found.received += data.length));
    socket.on("end", () => socket.end());
    socket.on("close", () => (found.isClosed = true));
  });
  rig.serve(replica);
  return found;
}

/** What went into the kernel has been read by this process's other end after a turn of its loop. */
async function deliver(client: RawClient, data: string): Promise<void> {
  await new Promise((resolve) => client.socket.write(data, "latin1", resolve));
  await new Promise((resolve) => setTimeout(resolve, 1));
}

type Limit = Exclude<keyof ProxyLimits, "maxClients" | "maxBodyBytes">;

describe("nothing happens", () => {
  test.each<[string, Limit, string, string, RegExp]>([
    ["before a head", "headMs", "", "", /^$/],
    ["in a head", "headMs", "GET / HTT", "", /^HTTP\/1\.1 408 .*"request-timeout"/s],
    ["in a body", "bodyMs", `${POST_9}abc`, "", /^HTTP\/1\.1 408 .*"request-timeout"/s],
    ["before an answer", "answerMs", GET, "", /^HTTP\/1\.1 504 .*"upstream-timeout"/s],
    [
      "after 100",
      "answerMs",
      GET,
      "HTTP/1.1 100 X\r\n\r\n",
      /^HTTP\/1\.1 100 X\r\n\r\nHTTP\/1\.1 504 /,
    ],
    ["in the head of an answer", "answerMs", GET, "HTTP/1.1 200 OK\r\nx", /^HTTP\/1\.1 504 /],
    ["in a response", "responseMs", GET, HALF, /\r\n\r\nhalf$/],
    [
      "in a chunk of a response",
      "responseMs",
      GET,
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf",
      /\r\nhalf$/,
    ],
    ["after a response", "idleMs", GET, OK, /\r\n\r\nok$/],
    ["in a tunnel", "tunnelMs", UPGRADE, SWITCHED, /101 X.*\r\n\r\n$/s],
    ["in a body that nobody wants", "bodyMs", POST_9.replace(HOST, "nobody"), "", /"unknown-host"/],
  ])("%s", async (_where, limit, request, answer, expected) => {
    const replica = await replicaWith(answer);
    const c = await rig.client();
    await eventually("the client is known", () => rig.listener.clients() === 1);
    if (request !== "") await deliver(c, request);
    const isForReplica = request.includes(HOST) || request === UPGRADE;
    if (isForReplica) await eventually("the replica has it", () => replica.received > 0);
    if (answer !== "" && limit !== "answerMs") {
      await c.until((text) => text.endsWith(answer.slice(-4)));
    }
    await deliver(c, "");
    const time = DEFAULT_PROXY_LIMITS[limit];
    await rig.clock.advance(time - 1000);
    expect(rig.listener.clients()).toBe(1);
    await rig.clock.advance(time + 2000);
    expect(await c.closed()).toMatch(expected);
    c.socket.destroy();
    await eventually("no client is left", () => rig.listener.clients() === 0);
    const isKept = answer === OK;
    await eventually("the replica is left", () => !isForReplica || isKept || replica.isClosed);
  });

  test("while a connection is opened: 504", async () => {
    await rig.stop();
    rig = await PlaneRig.start({ connectTimeoutMs: 100 });
    const deaf = await startDeafServer();
    rig.serve(deaf);
    const c = await rig.client();
    c.send(GET);
    expect(await c.until((text) => text.includes("}"))).toMatch(
      /^HTTP\/1\.1 504 .*"upstream-timeout"/s,
    );
    deaf.close();
  });

  test("a replica that takes nothing of a body: 504", async () => {
    rig.serve(await rig.replicas.raw((socket) => void socket.pause()));
    const c = await rig.client();
    c.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 1000000000\r\n\r\n`);
    c.send(Buffer.alloc(64 << 20));
    await untilStill(() => c.socket.writableLength);
    await rig.clock.advance(DEFAULT_PROXY_LIMITS.bodyMs + 1000);
    expect(await c.closed()).toMatch(/^HTTP\/1\.1 504 /);
  });

  test("a client that takes nothing of a response is cut off, and its replica with it", async () => {
    const replica = await replicaWith("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n");
    const c = await rig.client();
    c.send(GET);
    await c.until((text) => text.includes("200 OK"));
    c.socket.pause();
    replica.socket?.write(Buffer.alloc(100_000_000));
    await untilStill(() => replica.socket?.writableLength ?? 0);
    await untilCutOff();
    await eventually("the replica saw the close", () => replica.isClosed);
    expect(rig.listener.clients()).toBe(0);
  });

  test("a client that sends requests and reads no answer is held back, then cut off", async () => {
    const c = await rig.client();
    c.socket.pause();
    const request = `GET / HTTP/1.1\r\nHost: nobody\r\nX: ${"y".repeat(1000)}\r\n\r\n`;
    const requests = Buffer.from(request.repeat(1000));
    let taken = 0;
    for (let i = 0; i < 100; i++) c.socket.write(requests, (error) => (taken += error ? 0 : 1));
    await untilStill(() => c.socket.writableLength);
    expect(taken).toBeLessThan(50);
    await untilCutOff();
    expect(rig.listener.clients()).toBe(0);
  });
});

/** Until no client is left; on a busy machine the kernel moves a few bytes more after all seemed still. */
async function untilCutOff(): Promise<void> {
  for (let times = 0; times < 10 && rig.listener.clients() > 0; times++) {
    await rig.clock.advance(2 * DEFAULT_PROXY_LIMITS.stallMs + 1000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Of two ends in this process neither has moved anything for many turns. */
async function untilStill(amount: () => number): Promise<void> {
  let last = -1;
  let still = 0;
  await eventually("nothing moves", () => {
    still = amount() === last && last > 0 ? still + 1 : 0;
    last = amount();
    return still === 20;
  });
}

describe("something happens, however slowly", () => {
  test("a response in small parts lasts longer than any of its deadlines", async () => {
    const replica = await replicaWith("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n");
    const c = await rig.client();
    c.send(GET);
    await c.until((text) => text.endsWith("\r\n\r\n"));
    for (let i = 1; i <= 10; i++) {
      await rig.clock.advance(0.9 * DEFAULT_PROXY_LIMITS.responseMs);
      replica.socket?.write("x");
      await c.until((text) => text.endsWith("x".repeat(i)));
    }
    expect(await rig.record()).toMatchObject({ end: "complete" });
  });

  test("silence between events is no fault", async () => {
    const replica = await replicaWith(
      "HTTP/1.1 200 OK\r\ncontent-type: Text/Event-Stream; charset=utf-8\r\n\r\ndata: 1\n\n",
    );
    const c = await rig.client();
    c.send(GET);
    await c.until((text) => text.includes("data: 1"));
    await rig.clock.advance(10 * DEFAULT_PROXY_LIMITS.responseMs);
    replica.socket?.write("data: 2\n\n");
    await c.until((text) => text.includes("data: 2"));
  });

  test("a tunnel used in one direction alone stays open", async () => {
    const replica = await replicaWith(SWITCHED);
    const c = await rig.client();
    c.send(UPGRADE);
    await c.until((text) => text.endsWith("\r\n\r\n"));
    const before = replica.received;
    for (let i = 1; i <= 4; i++) {
      await rig.clock.advance(0.9 * DEFAULT_PROXY_LIMITS.tunnelMs);
      c.send("x");
      await eventually("it is through", () => replica.received === before + i);
    }
  });

  test.each([
    ["that reads on in time gets all of it", true],
    ["that does not is cut off", false],
  ])("of an answer that closes its connection a slow reader %s", async (_name, readsOn) => {
    await rig.stop();
    const size = 30_000_000;
    const answer = { status: 200, headers: "", body: "x".repeat(size) };
    rig = await PlaneRig.start({
      chainOf: () => ({
        hasResponsePhase: false,
        onRequest: () => ({ ...UNTOUCHED, answer }),
        onResponse: () => null,
      }),
    });
    rig.serve();
    const c = await rig.client();
    let received = 0;
    c.socket.on("data", (data) => (received += data.length));
    c.socket.once("data", () => c.socket.pause());
    c.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
    await eventually("it begins", () => received > 0);
    // Longer than the gateway lingers after an answer that was taken.
    await rig.clock.advance(DEFAULT_PROXY_LIMITS.stallMs);
    if (!readsOn) await rig.clock.advance(2 * DEFAULT_PROXY_LIMITS.stallMs);
    c.socket.resume();
    await c.closed();
    expect(received > size).toBe(readsOn);
  });

  test("a byte at a time both ways", async () => {
    rig.serve(await rig.replicas.raw(drip));
    const c = await rig.client();
    const request = `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
    for (const byte of request) {
      c.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await c.until((text) => text.endsWith("T: 1\r\n\r\n"))).toMatch(
      /\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n$/,
    );
    c.send(request);
    await c.until((text) => text.split("T: 1\r\n\r\n").length === 3);
  });
});

/** Answers each whole request byte by byte. */
function drip(socket: Socket): void {
  let seen = "";
  socket.on("data", (data) => {
    seen += data.toString("latin1");
    if (!seen.endsWith("0\r\n\r\n")) return;
    const bytes =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n";
    const next = (at: number): void => {
      if (at < bytes.length) socket.write(bytes.charAt(at), () => setImmediate(next, at + 1));
    };
    next(0);
  });
}
