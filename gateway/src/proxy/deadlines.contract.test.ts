/** Every phase of an exchange in which nothing happens ends by itself; none ends in which something does. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, describe, expect, test } from "vitest";
import { answering, GET, HOST, OK, ProxyRig } from "../testing/proxy-rig.ts";
import { eventually, rawClient, type TestGatewayOptions } from "../testing/test-gateway.ts";

const rigs: ProxyRig[] = [];

afterAll(() => Promise.all(rigs.map((rig) => rig.stop())));

/** These tests mostly wait, so they do it at the same time, each with a gateway of its own. */
async function start(options: TestGatewayOptions = {}): Promise<ProxyRig> {
  const rig = await ProxyRig.start(options);
  rigs.push(rig);
  return rig;
}

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

describe.concurrent("nothing happens", () => {
  test.each<[string, Record<string, number>, string, string, RegExp]>([
    ["before a head", { headMs: 100 }, "", "", /^$/],
    ["in a head", { headMs: 100 }, "GET / HTT", "", /^HTTP\/1\.1 408 .*"request-timeout"/s],
    ["in a body", { bodyMs: 100 }, `${POST_9}abc`, "", /^HTTP\/1\.1 408 .*"request-timeout"/s],
    ["before an answer", { answerMs: 100 }, GET, "", /^HTTP\/1\.1 504 .*"upstream-timeout"/s],
    [
      "after 100",
      { answerMs: 100 },
      GET,
      "HTTP/1.1 100 Continue\r\n\r\n",
      /100 Continue\r\n\r\nHTTP\/1\.1 504 /,
    ],
    [
      "in the head of an answer",
      { answerMs: 100 },
      GET,
      "HTTP/1.1 200 OK\r\nx",
      /^HTTP\/1\.1 504 /,
    ],
    ["in a response", { responseMs: 100 }, GET, HALF, /\r\n\r\nhalf$/],
    [
      "in a chunked response",
      { responseMs: 100 },
      GET,
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
      /\r\nhalf\r\n$/,
    ],
    ["after a response", { idleMs: 100 }, GET, OK, /\r\n\r\nok$/],
    ["in a tunnel", { tunnelMs: 100 }, UPGRADE, SWITCHED, /101 X.*\r\n\r\n$/s],
    [
      "in the body of a request that has its answer",
      { bodyMs: 100 },
      POST_9.replace(HOST, "nobody"),
      "",
      /"unknown-host"/,
    ],
  ])("%s", async (_where, limits, request, answer, expected) => {
    const rig = await start({ limits });
    let isClosed = false;
    rig.serve(
      await rig.rawReplica((socket) => {
        socket.once("data", () => socket.write(answer));
        socket.on("close", () => (isClosed = true));
        socket.on("end", () => socket.end());
      }),
    );
    const c = await rig.client();
    c.send(request);
    expect(await c.closed()).toMatch(expected);
    await eventually("no connection is left", () => rig.listener.clients() === 0);
    const { metrics, pool } = rig.listener;
    await eventually("the replica is left, or kept for another request", () => {
      return isClosed || pool.sizes().size > 0 || metrics.forwarded === 0;
    });
  });

  test("while a connection is opened: 504", async () => {
    const rig = await start({ upstreams: { connectTimeoutMs: 100 } });
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
    const rig = await start({ limits: { bodyMs: 300 } });
    rig.serve(await rig.rawReplica((socket) => void socket.pause()));
    const c = await rig.client();
    c.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 1000000000\r\n\r\n`);
    c.send(Buffer.alloc(64 << 20));
    expect(await c.closed()).toMatch(/^HTTP\/1\.1 504 /);
  });

  test("a client that takes nothing of a response is cut off, and its replica with it", async () => {
    const rig = await start({ limits: { stallMs: 100, responseMs: 100 } });
    let isClosed = false;
    rig.serve(
      await rig.rawReplica((socket) => {
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n");
          socket.write(Buffer.alloc(100_000_000));
        });
        socket.on("close", () => (isClosed = true));
      }),
    );
    const c = await rig.client();
    c.send(GET);
    await c.until((text) => text.includes("200 OK"));
    c.socket.pause();
    await eventually("the replica saw the close", () => isClosed);
    expect(rig.listener.clients()).toBe(0);
  });

  test("a client that sends requests and reads no answer is held back and cut off", async () => {
    const rig = await start({ limits: { stallMs: 100 } });
    const c = await rig.client();
    c.socket.pause();
    const request = `GET / HTTP/1.1\r\nHost: nobody\r\nX: ${"y".repeat(1000)}\r\n\r\n`;
    const requests = Buffer.from(request.repeat(1000));
    let taken = 0;
    for (let i = 0; i < 100; i++) c.socket.write(requests, (error) => (taken += error ? 0 : 1));
    await eventually("it is cut off", () => rig.listener.clients() === 0);
    expect(taken).toBeLessThan(50);
  });
});

describe.concurrent("something happens, however slowly", () => {
  test("a response in small parts lasts longer than any of its deadlines", async () => {
    const rig = await start({ limits: { responseMs: 300, stallMs: 300, answerMs: 300 } });
    let at = 0;
    rig.serve(
      await rig.rawReplica((socket) => {
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n");
          const timer = setInterval(() => {
            socket.write("x");
            if (++at === 12) clearInterval(timer);
          }, 100);
        });
      }),
    );
    const c = await rig.client();
    c.send(GET);
    await c.until((text) => text.endsWith("x".repeat(12)));
  });

  test("silence between events is no fault", async () => {
    const rig = await start({ limits: { responseMs: 50 } });
    let write: ((text: string) => void) | undefined;
    rig.serve(
      await rig.httpReplica((_request, response) => {
        response.writeHead(200, { "content-type": "Text/Event-Stream; charset=utf-8" });
        response.write("data: 1\n\n");
        write = (text) => void response.write(text);
      }),
    );
    const c = await rig.client();
    c.send(GET);
    await c.until((text) => text.includes("data: 1"));
    await new Promise((resolve) => setTimeout(resolve, 1200));
    write?.("data: 2\n\n");
    await c.until((text) => text.includes("data: 2"));
  });

  test("a tunnel used in one direction alone stays open", async () => {
    const rig = await start({ limits: { tunnelMs: 300 } });
    let received = 0;
    rig.serve(
      await rig.rawReplica((socket) => {
        socket.once("data", () => {
          socket.write(SWITCHED);
          socket.on("data", (data) => (received += data.length));
        });
      }),
    );
    const c = await rig.client();
    c.send(UPGRADE);
    await c.until((text) => text.endsWith("\r\n\r\n"));
    for (let i = 1; i <= 12; i++) {
      c.send("x");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(received).toBe(12);
  });

  test("a slow reader gets all of a response that closes its connection", async () => {
    const rig = await start();
    const size = 30_000_000;
    rig.serve(
      await rig.httpReplica((_request, response) => {
        response.writeHead(200, { "content-length": size });
        response.end(Buffer.alloc(size, "x"));
      }),
    );
    const c = await rawClient(rig.running.gateway.port);
    c.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
    await c.until((text) => text.includes("\r\n\r\n"));
    c.socket.pause();
    await eventually(
      "the gateway is done with the replica",
      () => rig.listener.metrics.forwarded === 1,
    );
    // Longer than the gateway lingers, with a part of the response in its hands.
    await new Promise((resolve) => setTimeout(resolve, 1600));
    let left = 0;
    c.socket.on("data", (data) => (left += data.length));
    c.socket.resume();
    const text = await c.closed();
    expect(text.length - text.indexOf("\r\n\r\n") - 4).toBe(size);
    expect(left).toBeGreaterThan(0);
  });

  test("a byte at a time both ways", async () => {
    const rig = await start();
    rig.serve(
      await rig.rawReplica((socket) => {
        let seen = "";
        socket.on("data", (data) => {
          seen += data.toString("latin1");
          if (!seen.endsWith("0\r\n\r\n")) return;
          const answer = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n`;
          const bytes = answer.split("");
          const next = (): void => {
            const byte = bytes.shift();
            if (byte !== undefined) socket.write(byte, () => setImmediate(next));
          };
          next();
        });
      }),
    );
    const c = await rig.client();
    const request = `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
    for (const byte of request) {
      c.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await c.until((text) => text.endsWith("\r\n\r\n") && text.includes("T: 1"))).toMatch(
      /\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n$/,
    );
    c.send(request);
    await c.until((text) => text.split("T: 1").length === 3);
  });
});

test("a keep-alive connection goes on after each kind of answer", async () => {
  const rig = await start();
  rig.serve(await rig.rawReplica(answering(OK)));
  const c = await rig.client();
  c.send(GET);
  await c.until((text) => text.endsWith("ok"));
  c.send(`GET / HTTP/1.1\r\nHost: nobody\r\n\r\n`);
  await c.until((text) => text.includes("unknown-host"));
  c.send(GET);
  await c.until((text) => text.split("\r\n\r\nok").length === 3);
});
