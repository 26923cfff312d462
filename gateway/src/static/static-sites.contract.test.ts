/** Static sites from the socket of a client down to the bucket. */
import { request, type IncomingHttpHeaders } from "node:http";
import { randomBytes } from "node:crypto";
import { brotliCompressSync, brotliDecompressSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { storageObjectStore } from "@bifrost/shared/cloud/storage-object-store";
import { HOST } from "../testing/proxy-rig.ts";
import { SiteRig } from "../testing/site-rig.ts";
import { eventually, rawClient } from "../testing/test-gateway.ts";

let rig: SiteRig;

beforeEach(async () => {
  rig = await SiteRig.start((endpoint) => storageObjectStore({ projectId: "test", endpoint }));
});

afterEach(() => rig.stop());

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function get(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: "127.0.0.1",
        port: rig.port,
        path,
        method,
        headers: { host: HOST, ...headers },
        agent: false,
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.once("error", reject);
        response.once("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts),
          }),
        );
      },
    );
    asked.once("error", reject);
    asked.end();
  });
}

const TEXT = "a line of text that repeats itself\n".repeat(100);
/** Above what is kept in memory. */
const LARGE = randomBytes(3 * 1024 ** 2);
/** Above one piece, below what is streamed. */
const MIDDLE = randomBytes(300 * 1024);

describe("a static site", () => {
  test("is served whole, in part, packed and not at all when it is known", async () => {
    const br = brotliCompressSync(TEXT);
    const forms = { "words.txt": { br, gzip: gzipSync(TEXT) } };
    await rig.publish("first", { "index.html": "<h1>hi</h1>", "words.txt": TEXT }, { forms });
    const page = await get("/");
    expect(page).toMatchObject({
      status: 200,
      headers: { "content-type": "text/html; charset=utf-8" },
    });
    expect(page.body.toString()).toBe("<h1>hi</h1>");
    const packed = await get("/words.txt", { "accept-encoding": "gzip, br" });
    expect(packed.headers).toMatchObject({ "content-encoding": "br", vary: "Accept-Encoding" });
    expect(brotliDecompressSync(packed.body).toString()).toBe(TEXT);
    const known = { "accept-encoding": "br", "if-none-match": String(packed.headers.etag) };
    expect(await get("/words.txt", known)).toMatchObject({ status: 304, body: Buffer.alloc(0) });
    const part = await get("/words.txt", { range: "bytes=3-5", "accept-encoding": "br" });
    expect([part.status, part.body.toString()]).toEqual([206, TEXT.slice(3, 6)]);
    const head = await get("/words.txt", {}, "HEAD");
    expect([head.headers["content-length"], head.body.length]).toEqual([String(TEXT.length), 0]);
    expect((await get("/words.txt", {}, "POST")).headers.allow).toBe("GET, HEAD");
  });

  test.each([
    ["of a few bytes", Buffer.from("x")],
    ["of none", Buffer.alloc(0)],
    ["of many pieces", MIDDLE],
    ["too large to be kept", LARGE],
  ])("delivers a file %s, byte by byte", async (_, bytes) => {
    await rig.publish("first", { "data.bin": bytes });
    for (let i = 0; i < 2; i++) {
      const { status, body } = await get("/data.bin");
      expect([status, body.equals(bytes)]).toEqual([200, true]);
    }
    const middle = Math.floor(bytes.length / 2);
    const { status, body } = await get("/data.bin", { range: `bytes=${middle}-` });
    expect([status, body.equals(bytes.subarray(middle))]).toEqual([
      bytes.length === 0 ? 416 : 206,
      bytes.length > 0,
    ]);
  });

  test("answers requests that come one upon the other in their order, on one connection", async () => {
    await rig.publish("first", { a: "first file", b: MIDDLE, c: "third file" });
    const c = await rawClient(rig.port);
    c.send(
      ["a", "b", "none", "c"]
        .map((path) => `GET /${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
        .join(""),
    );
    const text = await c.until((all) => all.endsWith("third file"));
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(
      ["200", "200", "404", "200"].map((status) => `HTTP/1.1 ${status}`),
    );
    expect(text).toContain(MIDDLE.toString("latin1"));
    c.socket.destroy();
  });

  test("reads a file from the bucket once for all who ask at the same time", async () => {
    await rig.publish("first", { "a.txt": "one" });
    await Promise.all(Array.from({ length: 20 }, () => get("/a.txt")));
    expect(rig.relay.reads).toHaveLength(2);
    await get("/a.txt");
    expect(rig.relay.reads).toHaveLength(2);
  });

  test("has pages of the gateway for what it does not hold", async () => {
    await rig.publish("first", { "a.txt": "one" });
    const { status, headers, body } = await get("/none", { accept: "text/html" });
    expect(status).toBe(404);
    expect(headers["content-type"]).toContain("text/html");
    expect(body.toString()).toContain("No such page");
  });
});

describe("when the bucket does not answer", () => {
  test("what is in memory is served on, the rest is a page that says so", async () => {
    await rig.publish("first", { "a.txt": "one", "b.txt": "two", "large.bin": LARGE });
    await get("/a.txt");
    rig.relay.state = "away";
    expect((await get("/a.txt")).status).toBe(200);
    for (const path of ["/b.txt", "/large.bin"]) {
      const { status, headers, body } = await get(path);
      expect(status).toBe(503);
      expect(headers["retry-after"]).toBe("2");
      expect(JSON.parse(body.toString())).toMatchObject({ code: "files-unavailable" });
    }
    rig.relay.state = "well";
    expect((await get("/b.txt")).body.toString()).toBe("two");
  });

  test("a release whose manifest is gone is a page, not a hang", async () => {
    rig.serve("ghost");
    expect((await get("/")).status).toBe(503);
  });
});

describe("a client", () => {
  test("that takes nothing holds up only its own transfer, and none is left when it goes", async () => {
    const huge = randomBytes(24 * 1024 ** 2);
    await rig.publish("first", { "huge.bin": huge, "a.txt": "one" });
    const slow = await rawClient(rig.port);
    slow.send(`GET /huge.bin HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    slow.socket.pause();
    await eventually("the transfer runs", () => rig.relay.open === 1);
    expect((await get("/a.txt")).body.toString()).toBe("one");
    expect(rig.relay.open).toBe(1);
    slow.socket.destroy();
    await eventually("the transfer is over", () => rig.relay.open === 0);
  });

  test("that leaves while the bucket says nothing leaves nothing behind", async () => {
    await rig.publish("first", { "large.bin": LARGE, "a.txt": "one" });
    await get("/a.txt"); // the manifest is in memory now
    rig.relay.state = "stuck";
    const c = await rawClient(rig.port);
    c.send(`GET /large.bin HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await eventually("the transfer runs", () => rig.relay.open === 1);
    c.socket.destroy();
    await eventually("the transfer is over", () => rig.relay.open === 0);
  });
});
