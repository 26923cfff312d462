import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GET, HOST, OK, ProxyRig } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

let rig: ProxyRig;

beforeEach(async () => {
  rig = await ProxyRig.start();
});

afterEach(() => rig.stop());

describe("requests", () => {
  test("what a client claims about forwarding is replaced, hop-by-hop headers go, the rest stays", async () => {
    let seen = "";
    rig.serve(
      await rig.rawReplica((socket) => {
        socket.on("data", (data) => {
          seen += data.toString("latin1");
          socket.write(OK);
        });
      }),
    );
    const c = await rig.client();
    c.send(
      `GET /a?b=c HTTP/1.1\r\nHOST: Shop.Test.Local:8080\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\nKeep-Alive: 3\r\nConnection: x-closed, X-Gone\r\nX-Gone: 1\r\nX-Kept: 1\r\nTE: trailers\r\n\r\n`,
    );
    const answer = await c.until((text) => text.endsWith("ok"));
    expect(seen.split("\r\n")).toEqual([
      "GET /a?b=c HTTP/1.1",
      "host: Shop.Test.Local:8080",
      "X-Kept: 1",
      'forwarded: for=127.0.0.1;host="Shop.Test.Local:8080";proto=http',
      "x-forwarded-for: 127.0.0.1",
      "x-forwarded-host: Shop.Test.Local:8080",
      "x-forwarded-proto: http",
      expect.stringMatching(/^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00$/),
      expect.stringMatching(/^x-bifrost-request-id: [0-9a-f]{10}-\w+$/),
      "te: trailers",
      "connection: te",
      "",
      "",
    ]);
    expect(answer).toMatch(/\r\nx-bifrost-request-id: \S+\r\n/);
    expect(answer).not.toContain("connection: close");
  });

  test("pipelined requests are answered in order, also with a body in between", async () => {
    rig.serve(
      await rig.httpReplica((request, response) => {
        let body = "";
        request.on("data", (data: Buffer) => (body += data.toString()));
        request.on("end", () => response.end(`${request.method} ${request.url} ${body};`));
      }),
    );
    const c = await rig.client();
    c.send(
      `GET /1 HTTP/1.1\r\nHost: ${HOST}\r\n\r\nPOST /2 HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 5\r\n\r\nhelloGET /3 HTTP/1.1\r\nHost: nobody.test.local\r\n\r\nGET /4 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
    );
    const text = await c.until((all) => all.includes("GET /4 ;"));
    expect(text.match(/GET \/1 ;|POST \/2 hello;|unknown-host|GET \/4 ;/g)).toEqual([
      "GET /1 ;",
      "POST /2 hello;",
      "unknown-host",
      "GET /4 ;",
    ]);
  });

  test("a request may arrive byte by byte", async () => {
    rig.serve(await rig.httpReplica((_request, response) => response.end("here")));
    const c = await rig.client();
    for (const byte of GET) {
      c.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await c.until((text) => text.includes("here"))).toContain("200 OK");
  });

  test("a head above 64 KiB is refused with 431", async () => {
    const c = await rig.client();
    c.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-Big: ${"a".repeat(70_000)}\r\n\r\n`);
    expect(await c.closed()).toMatch(/^HTTP\/1\.1 431 /);
  });

  test("a broken chunk ends in 400 and the replica's connection is closed", async () => {
    let isClosed = false;
    rig.serve(
      await rig.rawReplica((socket) => void socket.on("close", () => (isClosed = true)).resume()),
    );
    const c = await rig.client();
    c.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc`);
    expect(await c.closed()).toMatch(/^HTTP\/1\.1 400 /);
    await eventually("the replica saw the close", () => isClosed);
  });

  test("a 20 MB chunked upload arrives whole", async () => {
    rig.serve(
      await rig.httpReplica((request, response) => {
        const hash = createHash("sha1");
        request.on("data", (data: Buffer) => hash.update(data));
        request.on("end", () => response.end(hash.digest("hex")));
      }),
    );
    const part = Buffer.alloc(65_536, "0123456789abcdef");
    const expected = createHash("sha1");
    const c = await rig.client();
    c.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (let i = 0; i < 320; i++) {
      expected.update(part);
      c.send("10000\r\n");
      c.send(part);
      c.send("\r\n");
    }
    c.send("0\r\n\r\n");
    expect(await c.until((text) => /\r\n\r\n[0-9a-f]{40}$/.test(text))).toContain(
      expected.digest("hex"),
    );
  });

  test("a client that sends without end is held back when the replica does not read", async () => {
    rig.serve(await rig.rawReplica((socket) => void socket.pause()));
    const c = await rig.client();
    c.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 1000000000\r\n\r\n`);
    const part = Buffer.alloc(1 << 20);
    for (let i = 0; i < 64; i++) c.send(part);
    let last = -1;
    await eventually("nothing more is taken", () => {
      const isStill = c.socket.writableLength === last;
      last = c.socket.writableLength;
      return isStill;
    });
    expect(c.socket.writableLength).toBeGreaterThan(32 << 20);
  });
});
