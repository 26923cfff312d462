/** How often a replica gets a request when something fails: by what the request is, where it fails, and how often it did. */
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PlaneRig } from "../testing/plane-rig.ts";
import { GET, HOST, OK } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

let rig: PlaneRig;

beforeEach(async () => {
  rig = await PlaneRig.start();
});

afterEach(() => rig.stop());

/** A request that a replica gets on a connection that has answered one before. */
type Failure = (socket: Socket) => void;

const closes: Failure = (socket) => socket.end();
const resets: Failure = (socket) => socket.resetAndDestroy();
const answersHalf: Failure = (socket) =>
  socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
const answersHalfAHead: Failure = (socket) => socket.end("HTTP/1.1 200 OK\r\ncont");
const goesOnFirst: Failure = (socket) => socket.end("HTTP/1.1 100 Continue\r\n\r\n");
const talksNonsense: Failure = (socket) => socket.end("nonsense\r\n\r\n");
const staysSilent: Failure = () => void rig.clock.advance(61_000);

/** Answers requests for /first; does `fail` with all others, which it counts. */
async function failing(fail: Failure) {
  const counts = { requests: 0, connections: 0 };
  const replica = await rig.replicas.raw((socket) => {
    counts.connections++;
    socket.on("data", (data) => {
      const text = data.toString("latin1");
      if (text.startsWith("GET /first ")) return socket.write(OK);
      if (!/^[A-Z]+ \/second /.test(text)) return undefined;
      counts.requests++;
      return fail(socket);
    });
  });
  return { replica, counts };
}

async function sendSecond(isReused: boolean, method: string, body: string): Promise<string> {
  const c = await rig.client();
  if (isReused) {
    c.send(GET.replace(" / ", " /first "));
    await c.until((text) => text.endsWith("ok"));
  }
  const length = body === "" ? "" : `Content-Length: ${body.length}\r\n`;
  c.send(
    `${method} /second HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n${length}\r\n${body}`,
  );
  return c.closed();
}

const CLOSINGS: readonly [string, Failure][] = [
  ["closed", closes],
  ["reset", resets],
];
const FAILURES: readonly [string, Failure][] = [
  ...CLOSINGS,
  ["broken in the body", answersHalf],
  ["broken in the head", answersHalfAHead],
  ["closed after 100", goesOnFirst],
  ["answered with nonsense", talksNonsense],
  ["left without an answer", staysSilent],
];

describe("a used connection that is found closed", () => {
  test.each(
    CLOSINGS.flatMap(([how, fail]) =>
      ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"].map((method) => ({ how, fail, method })),
    ),
  )("$how: $method without a body is sent once more, on a new one", async ({ fail, method }) => {
    const { replica, counts } = await failing(fail);
    rig.serve(replica);
    expect(await sendSecond(true, method, "")).toContain("HTTP/1.1 502");
    expect(counts).toEqual({ requests: 2, connections: 2 });
  });

  test.each(
    FAILURES.flatMap(([how, fail]) => [
      { how, fail, method: "POST", body: "" },
      { how, fail, method: "POST", body: "x" },
      { how, fail, method: "PATCH", body: "" },
      { how, fail, method: "UNKNOWN", body: "" },
      { how, fail, method: "PUT", body: "x" },
      { how, fail, method: "DELETE", body: "x" },
    ]),
  )("$how: $method with body $body is never sent twice", async ({ fail, method, body }) => {
    const { replica, counts } = await failing(fail);
    rig.serve(replica);
    await sendSecond(true, method, body);
    expect(counts.requests).toBe(1);
  });
});

test.each(
  FAILURES.flatMap(([how, fail]) =>
    ["GET", "PUT", "POST"].map((method) => ({ how, fail, method })),
  ),
)(
  "a new connection $how: $method is not sent again, not even to another replica",
  async ({ fail, method }) => {
    const { replica, counts } = await failing(fail);
    const other = await failing(fail);
    rig.serve(replica, other.replica);
    await sendSecond(false, method, "");
    expect(counts.requests + other.counts.requests).toBe(1);
  },
);

test.each(FAILURES.slice(2))(
  "a used connection %s: not even GET is sent again",
  async (_how, fail) => {
    const { replica, counts } = await failing(fail);
    rig.serve(replica);
    await sendSecond(true, "GET", "");
    expect(counts.requests).toBe(1);
  },
);

test("an upgrade is never sent twice", async () => {
  const { replica, counts } = await failing(closes);
  rig.serve(replica);
  const c = await rig.client();
  c.send(GET.replace(" / ", " /first "));
  await c.until((text) => text.endsWith("ok"));
  c.send(`GET /second HTTP/1.1\r\nHost: ${HOST}\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n`);
  await c.until((text) => text.includes("502 Bad Gateway"));
  expect(counts.requests).toBe(1);
});

test("a POST whose replica refuses the connection goes to another one, once", async () => {
  const bodies: string[] = [];
  const good = await rig.replicas.http((request, response) => {
    let body = "";
    request.on("data", (data: Buffer) => (body += data.toString()));
    request.on("end", () => (bodies.push(body), response.end("done")));
  });
  const gone = await Promise.all([1, 2, 3].map(() => rig.replicas.raw(() => undefined)));
  for (const one of gone) one.close();
  rig.serve(...gone, good);
  expect(await sendSecond(false, "POST", "hello")).toMatch(/200 OK.*done/s);
  expect(bodies).toEqual(["hello"]);
});

test("a replica that answers nothing but 503 gets no more requests while another one answers", async () => {
  let failed = 0;
  const bad = await rig.replicas.http((_request, response) => {
    failed++;
    response.writeHead(503).end("bad");
  });
  const good = await rig.replicas.http((_request, response) => response.end("good"));
  rig.serve(bad, good);
  const c = await rig.client();
  const answers: string[] = [];
  for (let i = 1; i <= 40; i++) {
    c.send(GET);
    const text = await c.until(
      (all) => all.match(/\r\n\r\n(?:\d+\r\n)?(?:bad|good)/g)?.length === i,
    );
    answers.push(text.lastIndexOf("bad") > text.lastIndexOf("good") ? "bad" : "good");
  }
  expect(failed).toBe(5);
  expect(new Set(answers.slice(-25))).toEqual(new Set(["good"]));
  await rig.clock.advance(3000);
  c.send(GET);
  await eventually("it gets one request to prove itself", () => failed === 6);
});
