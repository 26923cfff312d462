/** Bodies and what belongs to them: limits, expectations, trailers, and what becomes of one that nobody wants. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GET, HOST, OK, ProxyRig } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

let rig: ProxyRig;

beforeEach(async () => {
  rig = await ProxyRig.start({ limits: { maxBodyBytes: 200_000 } });
});

afterEach(() => rig.stop());

const CHUNKED = `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n`;

function sized(host: string, length: number, more = ""): string {
  return `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${length}\r\n${more}\r\n`;
}

/** A replica that keeps what it gets and answers each whole request. */
async function recording(answer = OK) {
  const seen = { text: "", isClosed: false };
  const replica = await rig.rawReplica((socket) => {
    socket.on("data", (data) => {
      seen.text += data.toString("latin1");
      if (/(?:\r\n0\r\n(?:.+\r\n)*\r\n|hello|GET [^]*\r\n\r\n)$/.test(seen.text))
        socket.write(answer);
    });
    socket.on("close", () => (seen.isClosed = true));
  });
  return { seen, replica };
}

describe("limits", () => {
  test.each([
    [
      "Content-Length",
      sized(HOST, 200_001),
      /^HTTP\/1\.1 413 .*"request-too-large".*200000 bytes/s,
    ],
    [
      "a target",
      `GET /${"a".repeat(9000)} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
      /^HTTP\/1\.1 414 .*"target-too-long"/s,
    ],
    ["a body in chunks", `${CHUNKED}30d41\r\n`, /^HTTP\/1\.1 413 .*"request-too-large"/s],
    [
      "another expectation",
      sized(HOST, 3, "Expect: magic\r\n"),
      /^HTTP\/1\.1 417 .*"expectation-failed"/s,
    ],
  ])("%s is refused, and the connection ends", async (_name, request, expected) => {
    const { replica, seen } = await recording();
    rig.serve(replica);
    const c = await rig.client();
    c.send(request);
    expect(await c.closed()).toMatch(expected);
    expect(seen.text).not.toContain("30d41");
  });

  test("a chunk too many cuts the replica off, which never sees the end of the request", async () => {
    const { replica, seen } = await recording();
    rig.serve(replica);
    const c = await rig.client();
    c.send(`${CHUNKED}5\r\nfirst\r\n`);
    await eventually("the replica has the first chunk", () => seen.text.includes("first"));
    c.send("fffff\r\n");
    expect(await c.closed()).toMatch(/^HTTP\/1\.1 413 /);
    await eventually("the replica saw the close", () => seen.isClosed);
    expect(seen.text.endsWith("first\r\n")).toBe(true);
  });

  test.each([
    ["a chunk too many", "fffff\r\n"],
    ["a malformed chunk", "zz\r\n"],
  ])(
    "%s in the middle of a response breaks it off, and is not answered inside of it",
    async (_name, chunk) => {
      rig.serve(
        await rig.rawReplica((socket) => {
          socket.once("data", () =>
            socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\npart"),
          );
        }),
      );
      const c = await rig.client();
      c.send(CHUNKED);
      await c.until((text) => text.endsWith("part"));
      c.send(chunk);
      expect(await c.closed()).toMatch(/^HTTP\/1\.1 200 OK[^]*\r\n\r\npart$/);
      expect(rig.listener.metrics.broken).toBe(1);
    },
  );
});

describe("expectations", () => {
  test("a body is sent once the replica says so, and the connection goes on", async () => {
    let stage = 0;
    rig.serve(
      await rig.rawReplica((socket) => {
        socket.on("data", (data) => {
          const text = data.toString();
          if (/expect: 100-continue\r\n/i.test(text)) {
            stage++;
            socket.write("HTTP/1.1 100 Continue\r\n\r\n");
          } else if (text === "hello") socket.write(OK);
        });
      }),
    );
    const c = await rig.client();
    for (const count of [1, 2]) {
      c.send(sized(HOST, 5, "Expect: 100-continue\r\n"));
      await c.until((text) => text.split("100 Continue").length === count + 1);
      c.send("hello");
      await c.until((text) => text.split("\r\n\r\nok").length === count + 1);
    }
    expect(stage).toBe(2);
  });

  test("a refusal before the body ends the connection: the body may come or not", async () => {
    rig.serve(
      await rig.httpReplica((_request, response) => void response.writeHead(401).end("no")),
    );
    const c = await rig.client();
    c.send(sized(HOST, 5, "Expect: 100-continue\r\n"));
    expect(await c.closed()).toMatch(
      /^HTTP\/1\.1 (?:100 Continue\r\n\r\nHTTP\/1\.1 )?401 .*connection: close/s,
    );
  });

  test("a page in place of 100 ends the connection too", async () => {
    const c = await rig.client();
    c.send(sized("nobody", 5, "Expect: 100-continue\r\n"));
    expect(await c.closed()).toMatch(/^HTTP\/1\.1 404 .*connection: close/s);
  });
});

describe("trailers", () => {
  const TRAILED = "3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n";

  test("pass both ways", async () => {
    const { replica, seen } = await recording(
      `HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n${TRAILED}`,
    );
    rig.serve(replica);
    const c = await rig.client();
    c.send(CHUNKED.replace("\r\n\r\n", `\r\nTE: trailers\r\nTrailer: X-Sum\r\n\r\n${TRAILED}`));
    expect(
      await c.until((text) => text.endsWith("\r\n\r\n") && text.includes("X-Other")),
    ).toContain(`Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n`);
    expect(c.text().endsWith(`\r\n\r\n${TRAILED}`)).toBe(true);
    expect(seen.text).toMatch(/\r\nte: trailers\r\nconnection: te\r\n/);
    expect(seen.text.endsWith(`\r\n\r\n${TRAILED}`)).toBe(true);
  });

  test("of a response that would change its framing never arrive", async () => {
    const { replica } = await recording(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n`,
    );
    rig.serve(replica);
    const c = await rig.client();
    c.send(GET);
    expect(await c.until((text) => text.includes("}"))).toMatch(/^HTTP\/1\.1 502 /);
    expect(c.text()).not.toContain("Content-Length: 9");
  });
});

describe("a body that nobody wants", () => {
  test.each([
    ["of 64 KiB", sized("nobody", 65_536), "x".repeat(65_536)],
    [
      "of two chunks",
      CHUNKED.replace(HOST, "nobody"),
      "3\r\nabc\r\n4\r\nabcd\r\n0\r\nX: 1\r\n\r\n",
    ],
    ["that looks like a request", sized("nobody", GET.length), GET],
    ["for a release without replicas", sized(HOST, 5), "hello"],
  ])("%s is read, and the connection goes on", async (_name, head, body) => {
    rig.serve();
    const c = await rig.client();
    c.send(head);
    await c.until((text) => text.includes("}"));
    expect(c.text()).toContain("connection: keep-alive");
    for (let at = 0; at < body.length; at += 20_000) c.send(body.slice(at, at + 20_000));
    c.send("GET /next HTTP/1.1\r\nHost: other\r\n\r\n");
    await c.until(
      (text) => text.split("HTTP/1.1 404").length + text.split("HTTP/1.1 503").length === 4,
    );
  });

  test.each([
    ["announced as more than 64 KiB", sized("nobody", 65_537), ""],
    ["of more than 64 KiB in chunks", CHUNKED.replace(HOST, "nobody"), "10001\r\n"],
    ["that is malformed", CHUNKED.replace(HOST, "nobody"), "zz\r\n"],
  ])("%s ends the connection, after the answer", async (_name, head, body) => {
    const c = await rig.client();
    c.send(head);
    await c.until((text) => text.includes("}"));
    c.send(body);
    expect(await c.closed()).toMatch(/^HTTP\/1\.1 404 [^]*\}\s*$/);
  });

  test("an answer reaches a client that goes on sending for a while", async () => {
    const c = await rig.client();
    c.send(sized("nobody", 100_000_000));
    const part = Buffer.alloc(1 << 20);
    for (let i = 0; i < 20; i++) c.send(part);
    expect(await c.closed()).toMatch(/^HTTP\/1\.1 413 [^]*\}\s*$/);
  });

  test("what is left of one is counted against nothing, and a failed replica's request is skipped as well", async () => {
    const gone = await rig.rawReplica(() => undefined);
    gone.close();
    rig.serve(gone);
    const c = await rig.client();
    c.send(`${sized(HOST, 5)}helloGET / HTTP/1.1\r\nHost: nobody\r\n\r\n`);
    const text = await c.until((all) => all.includes("unknown-host"));
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 502", "HTTP/1.1 404"]);
  });
});
