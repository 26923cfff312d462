/**
 * The bytes a replica gets, compared with what was accepted: a replica that keeps every byte and never judges them. Beside
 * the differential test, which asks a parser, this asks none.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GET, HOST, OK, ProxyRig } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

let rig: ProxyRig;
/** By connection of the replica. */
let received: { text: string }[];

beforeEach(async () => {
  rig = await ProxyRig.start();
  received = [];
  rig.serve(
    await rig.rawReplica((socket) => {
      const connection = { text: "" };
      received.push(connection);
      socket.on("data", (data) => {
        connection.text += data.toString("latin1");
        if (/\r\n\r\n$|hello$/.test(connection.text)) socket.write(OK);
      });
    }),
  );
});

afterEach(() => rig.stop());

const HIDDEN = `GET /hidden HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;

function post(lines: string, body: string): string {
  return `POST /outer HTTP/1.1\r\nHost: ${HOST}\r\n${lines}\r\n${body}`;
}

function everything(): string {
  return received.map(({ text }) => text).join("");
}

describe("nothing reaches the replica of", () => {
  test.each([
    ["CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", `0\r\n\r\n${HIDDEN}`)],
    ["TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", `0\r\n\r\n${HIDDEN}`)],
    [
      "TE.TE by a second coding",
      post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", `0\r\n\r\n${HIDDEN}`),
    ],
    ["TE hidden by a blank", post("Transfer-Encoding : chunked\r\n", `0\r\n\r\n${HIDDEN}`)],
    [
      "TE hidden by a tab",
      post("Transfer-Encoding:\tchunked\r\nContent-Length: 3\r\n", `0\r\n\r\n${HIDDEN}`),
    ],
    ["TE hidden by a vertical tab", post("Transfer-Encoding: \vchunked\r\n", `0\r\n\r\n${HIDDEN}`)],
    [
      "TE behind a folded line",
      post("X: y\r\n Transfer-Encoding: chunked\r\n", `0\r\n\r\n${HIDDEN}`),
    ],
    ["TE behind a bare LF", post("X: y\nTransfer-Encoding: chunked\r\n", `0\r\n\r\n${HIDDEN}`)],
    ["TE behind a bare CR", post("X: y\rTransfer-Encoding: chunked\r\n", `0\r\n\r\n${HIDDEN}`)],
    [
      "TE in HTTP/1.0",
      post("Transfer-Encoding: chunked\r\n", `0\r\n\r\n${HIDDEN}`).replace("1.1", "1.0"),
    ],
    ["CL.CL", post("Content-Length: 5\r\nContent-Length: 0\r\n", `hello${HIDDEN}`)],
    ["a list of CL", post("Content-Length: 5, 0\r\n", `hello${HIDDEN}`)],
    ["CL with a sign", post("Content-Length: +5\r\n", `hello${HIDDEN}`)],
    ["CL in a line ended by LF", post("X: y\nContent-Length: 5\r\n", `hello${HIDDEN}`)],
    ["a head ended by LF", `POST /outer HTTP/1.1\nHost: ${HOST}\n\n${HIDDEN}`],
    ["two Hosts", post("Host: other\r\n", HIDDEN)],
    ["a request line with LF", `GET /outer\nGET /hidden HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`],
    ["NUL in a name", post("Content\0-Length: 5\r\n", `hello${HIDDEN}`)],
  ])("%s", async (_name, bytes) => {
    const c = await rig.client();
    c.send(bytes);
    expect(await c.closed()).toMatch(/^HTTP\/1\.1 400 /);
    expect(c.text().match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
    expect(everything()).toBe("");
  });
});

describe("what cannot be told before the body", () => {
  test.each([
    ["a size that goes on", `5x\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ["a size of two kinds", `0x5\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ["a chunk that is longer than its size", `5\r\nhello!\r\n0\r\n\r\n${HIDDEN}`],
    ["an extension with LF", `5;\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ["an end of LF", `5\r\nhello\n0\n\n${HIDDEN}`],
    ["a trailer that frames", `0\r\nContent-Length: 9\r\n\r\n${HIDDEN}`],
    ["a trailer ended by LF", `0\r\nx: y\n\r\n${HIDDEN}`],
    ["a size that overflows", `10000000000000005\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
  ])("%s: the replica sees the head alone, and its connection closes", async (_name, body) => {
    const c = await rig.client();
    c.send(post("Transfer-Encoding: chunked\r\n", body));
    await c.closed();
    await eventually("it is closed", () => rig.listener.pool.sizes().size === 0);
    expect(everything()).toMatch(/^(?:POST \/outer HTTP\/1\.1\r\n[^]*?\r\n\r\n)?$/);
    expect(everything()).not.toContain("/hidden");
  });
});

describe("what was accepted arrives and nothing else", () => {
  test.each([
    ["a length", "Content-Length: 5\r\n", "hello"],
    ["chunks", "Transfer-Encoding: chunked\r\n", "5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n"],
    ["a body that is a request", `Content-Length: ${HIDDEN.length}\r\n`, HIDDEN],
    [
      "chunks that are requests",
      "Transfer-Encoding: chunked\r\n",
      `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
    ],
  ])("%s", async (_name, framing, body) => {
    const c = await rig.client();
    c.send(post(framing, body));
    await c.until((text) => text.endsWith("ok"));
    const [head = ""] = everything().split("\r\n\r\n", 1);
    expect(head.split("\r\n").slice(0, 3)).toEqual([
      "POST /outer HTTP/1.1",
      `host: ${HOST}`,
      framing.trimEnd(),
    ]);
    expect(everything().slice(head.length + 4)).toBe(body);
  });

  test("nominated framing fields stay, and a client cannot name its own address or trace", async () => {
    const c = await rig.client();
    const lines =
      "Connection: content-length, host, x-forwarded-for\r\nX-Forwarded-For: 6.6.6.6\r\nContent-Length: 5\r\ntraceparent: bad\r\n";
    c.send(post(lines, "hello"));
    await c.until((text) => text.endsWith("ok"));
    expect(everything()).toMatch(/\r\nContent-Length: 5\r\n/);
    expect(everything().match(/^x-forwarded-for: .*$/gim)).toEqual(["x-forwarded-for: 127.0.0.1"]);
    expect(everything()).not.toMatch(/bad|6\.6\.6\.6/);
  });
});

describe("answers that would poison a connection", () => {
  test.each([
    ["more than was announced", `${OK}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison`],
    [
      "a body behind 204",
      "HTTP/1.1 204 X\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison",
    ],
    ["a body announced with 204", "HTTP/1.1 204 X\r\ncontent-length: 6\r\n\r\npoison"],
    ["a body behind 304", "HTTP/1.1 304 X\r\ncontent-length: 6\r\n\r\npoison"],
    [
      "chunks behind 304",
      "HTTP/1.1 304 X\r\ntransfer-encoding: chunked\r\n\r\n6\r\npoison\r\n0\r\n\r\n",
    ],
    [
      "something behind the last chunk",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison",
    ],
    ["a body behind 100", "HTTP/1.1 100 X\r\ncontent-length: 10\r\n\r\npoison\r\n\r\n"],
    ["a body for HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison", "HEAD"],
  ])("%s", async (_name, answer, method = "GET") => {
    let connections = 0;
    rig.serve(
      await rig.rawReplica((socket) => {
        connections++;
        socket.on("data", () => socket.write(answer));
      }),
    );
    const c = await rig.client();
    for (let i = 1; i <= 2; i++) {
      c.send(GET.replace("GET", method));
      const count = i;
      await c.until(
        (text) =>
          text.match(/^x-bifrost-request-id: /gm)?.length === count && /\r\n\r\n/.test(text),
      );
    }
    expect(connections).toBe(2);
    expect(c.text()).not.toContain("poison");
  });
});
