import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { answering, GET, HOST, OK, ProxyRig } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

let rig: ProxyRig;

beforeEach(async () => {
  rig = await ProxyRig.start();
});

afterEach(() => rig.stop());

describe("responses", () => {
  test("of Content-Length beside chunked only chunked is passed on", async () => {
    rig.serve(
      await rig.rawReplica(
        answering(
          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
      ),
    );
    const c = await rig.client();
    c.send(GET);
    const text = await c.until((all) => all.endsWith("0\r\n\r\n"));
    expect(text.toLowerCase()).not.toContain("content-length");
  });

  test("an HTTP/1.0 client gets chunks decoded and the end by close", async () => {
    rig.serve(
      await rig.rawReplica(
        answering(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n",
        ),
      ),
    );
    const c = await rig.client();
    c.send(`GET / HTTP/1.0\r\nHost: ${HOST}\r\nConnection: keep-alive\r\n\r\n`);
    const text = await c.closed();
    expect(text.split("\r\n\r\n")[1]).toBe("abcde");
    expect(text).toContain("connection: close");
    expect(text.toLowerCase()).not.toContain("transfer-encoding");
  });

  test("a response without a length lasts until the replica closes", async () => {
    rig.serve(
      await rig.rawReplica((socket) => {
        socket.once("data", () => {
          socket.write("HTTP/1.0 200 OK\r\n\r\npart one,");
          setTimeout(() => socket.end(" part two"), 20);
        });
      }),
    );
    const c = await rig.client();
    c.send(GET);
    expect(await c.closed()).toMatch(/\r\n\r\npart one, part two$/);
  });

  test("HEAD has a length and no body, and the connection goes on", async () => {
    rig.serve(await rig.rawReplica(answering("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")));
    const c = await rig.client();
    c.send(`HEAD / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await c.until((text) => text.endsWith("\r\n\r\n"));
    c.send(`HEAD / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    const text = await c.until(
      (all) => all.split("200 OK").length === 3 && all.endsWith("\r\n\r\n"),
    );
    expect(text.match(/content-length: 500/g)).toHaveLength(2);
  });

  test("100 and 103 are relayed before the answer", async () => {
    rig.serve(
      await rig.rawReplica(
        answering(
          `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`,
        ),
      ),
    );
    const c = await rig.client();
    c.send(GET);
    const text = await c.until((all) => all.endsWith("ok"));
    expect(text.match(/^HTTP\/1\.1 \d+/gm)).toEqual([
      "HTTP/1.1 100",
      "HTTP/1.1 103",
      "HTTP/1.1 200",
    ]);
  });

  test.each([
    ["32 are relayed", 32, /^(?:HTTP\/1\.1 100\r\n\r\n){32}HTTP\/1\.1 200 OK\r\n[^]*ok$/],
    ["33 are no answer", 33, /^(?:HTTP\/1\.1 100\r\n\r\n){32}HTTP\/1\.1 502 [^]*}\n$/],
    ["nor are 100,000", 100_000, /^(?:HTTP\/1\.1 100\r\n\r\n){32}HTTP\/1\.1 502 [^]*}\n$/],
  ])("of interim responses before it %s", async (_name, count, expected) => {
    const interims = "HTTP/1.1 100\r\n\r\n".repeat(count);
    rig.serve(await rig.rawReplica(answering(interims + OK)));
    const c = await rig.client();
    c.send(GET);
    expect(await c.until((text) => /ok$|}\n$/.test(text))).toMatch(expected);
  });

  test("events arrive piece by piece", async () => {
    let stream: ServerResponse | undefined;
    rig.serve(
      await rig.httpReplica((_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.flushHeaders();
        stream = response;
      }),
    );
    const c = await rig.client();
    c.send(GET);
    await c.until((text) => text.includes("text/event-stream"));
    for (const event of ["one", "two", "three"]) {
      stream?.write(`data: ${event}\n\n`);
      await c.until((text) => text.includes(`data: ${event}`));
    }
  });

  test("bytes behind a response never reach the next client", async () => {
    rig.serve(
      await rig.rawReplica(answering(`${OK}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison`)),
    );
    const c = await rig.client();
    for (let i = 1; i <= 3; i++) {
      c.send(GET);
      await c.until((text) => text.split("\r\n\r\nok").length === i + 1);
    }
    expect(c.text()).not.toContain("poison");
  });

  test("a stalled reader holds the replica back", async () => {
    let sent = 0;
    rig.serve(
      await rig.rawReplica((socket) => {
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
          const part = Buffer.alloc(1 << 20);
          const more = (): void => {
            while (!socket.destroyed && sent < 900 && socket.write(part)) sent++;
            if (sent < 900) socket.once("drain", () => (sent++, more()));
          };
          more();
        });
      }),
    );
    const c = await rig.client();
    c.send(GET);
    await c.until((text) => text.includes("200 OK"));
    c.socket.pause();
    let last = -1;
    await eventually("the replica stands still", () => {
      const isStill = sent === last;
      last = sent;
      return isStill;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent).toBeLessThan(100);
  });
});

describe("upgrades", () => {
  test("a tunnel carries bytes both ways and ends with either side", async () => {
    rig.serve(
      await rig.rawReplica((socket) => {
        socket.once("data", (head) => {
          expect(head.toString()).toMatch(/connection: upgrade\r\nupgrade: websocket\r\n/);
          socket.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello ",
          );
          socket.on("data", (data) => socket.write(data.toString().toUpperCase()));
          socket.on("end", () => socket.end("bye"));
        });
      }),
    );
    const c = await rig.client();
    c.send(
      `GET /ws HTTP/1.1\r\nHost: ${HOST}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    await c.until((text) => text.endsWith("\r\n\r\nhello "));
    c.send("first ");
    await c.until((text) => text.endsWith("FIRST "));
    c.socket.end("last ");
    expect(await c.closed()).toMatch(/hello FIRST LAST bye$/);
  });

  test("a refused upgrade is an ordinary response", async () => {
    rig.serve(
      await rig.rawReplica(answering("HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n")),
    );
    const c = await rig.client();
    c.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    expect(await c.until((text) => text.endsWith("\r\n\r\n"))).toContain("426 Upgrade Required");
  });
});
