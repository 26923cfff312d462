import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UNTOUCHED, type PolicyOutcome } from "../policies/policy-chain.ts";
import { PlaneRig } from "../testing/plane-rig.ts";
import { answering, GET, HOST, OK } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

let rig: PlaneRig;
let outcome: PolicyOutcome;

beforeEach(async () => {
  outcome = UNTOUCHED;
  rig = await PlaneRig.start({
    chainOf: () => ({ hasResponsePhase: false, onRequest: () => outcome, onResponse: () => null }),
    limits: { maxBodyBytes: 100 },
  });
});

afterEach(() => rig.stop());

const HALF = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

test("a request and its answer are told with all that belongs to them", async () => {
  const start = rig.clock.now();
  let socket: Socket | undefined;
  const replica = await rig.replicas.raw((one) => one.once("data", () => (socket = one)));
  rig.serve(replica);
  const c = await rig.client();
  const request = `POST /a?b=c HTTP/1.1\r\nHost: ${HOST}:80\r\nUser-Agent: me\r\nReferer: there\r\ntraceparent: 00-${TRACE}-00f067aa0ba902b7-01\r\nContent-Length: 5\r\n\r\nhello`;
  c.send(request);
  await eventually("the replica has it", () => socket !== undefined);
  await rig.clock.advance(500);
  socket?.write(OK.slice(0, -1));
  await c.until((text) => text.endsWith("o"));
  await rig.clock.advance(200);
  socket?.write("k");
  const answer = await c.until((text) => text.endsWith("ok"));
  const served = await rig.record();
  expect({ ...served, ...gettersOf(served) }).toMatchObject({
    requestId: /x-bifrost-request-id: (\S+)/.exec(answer)?.[1],
    traceId: TRACE,
    ip: "127.0.0.1",
    method: "POST",
    host: HOST,
    target: "/a?b=c",
    protocol: "HTTP/1.1",
    status: 200,
    bytesIn: request.length,
    bytesOut: answer.length,
    projectId: "project",
    deploymentId: "first",
    address: replica.address,
    page: null,
    retries: 0,
    userAgent: "me",
    referer: "there",
    end: "complete",
  });
  expect(served).toMatchObject({ at: start, durationMs: 700, upstreamMs: 500 });
});

/** What a record works out only when it is read. */
function gettersOf(served: PlaneRig["served"][number]) {
  const { traceId, method, host, target, protocol, userAgent, referer } = served;
  return { traceId, method, host, target, protocol, userAgent, referer };
}

test("each of many pipelined requests is told once, in order", async () => {
  rig.serve(await rig.replicas.raw(answering(OK)));
  const c = await rig.client();
  const targets = Array.from({ length: 50 }, (_, i) => `/${i}`);
  c.send(targets.map((one) => `GET ${one} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`).join(""));
  await c.until((text) => text.split("\r\n\r\nok").length === 51);
  await rig.record(49);
  expect(rig.served.map(({ target }) => target)).toEqual(targets);
  expect(new Set(rig.served.map(({ traceId }) => traceId)).size).toBe(50);
  expect(rig.served.reduce((sum, { bytesOut }) => sum + bytesOut, 0)).toBe(c.text().length);
});

describe("answers without a replica", () => {
  test.each<[string, string, object]>([
    [
      "an unknown host",
      `GET / HTTP/1.1\r\nHost: nobody\r\n\r\n`,
      { status: 404, page: "unknown-host", projectId: null, host: "nobody" },
    ],
    [
      "a malformed head",
      "GET /\r\n\r\n",
      { status: 400, page: "bad-request", method: "", protocol: "", traceId: "" },
    ],
    ["a head that never ends", "GET / HT", { status: 408, page: "request-timeout" }],
    [
      "a body that is too large",
      `PUT / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 101\r\n\r\n`,
      { status: 413, page: "request-too-large", method: "PUT" },
    ],
    ["a replica that is missing", GET, { status: 503, page: "no-backend", projectId: "project" }],
  ])("%s", async (_name, request, expected) => {
    rig.serve();
    const c = await rig.client();
    c.send(request);
    const isOver = (): boolean => rig.served.length > 0;
    while (!isOver()) await rig.clock.advance(1000);
    const served = await rig.record();
    expect({ ...served, ...gettersOf(served) }).toMatchObject({
      ...expected,
      upstreamMs: null,
      end: "complete",
    });
    c.socket.destroy();
    await eventually("the client is gone", () => rig.listener.clients() === 0);
    expect(rig.served).toHaveLength(1);
  });

  test.each([
    ["text/html", /^HTTP\/1.1 503 [^]*content-type: text\/html[^]*x-policy: yes[^]*<h1>/],
    ["*/*", /^HTTP\/1.1 503 [^]*problem\+json[^]*x-policy: yes[^]*"code":"policy-missing"/],
  ])("a policy that is missing is told as a page to whom accepts %s", async (accept, page) => {
    rig.serve();
    const added = "x-policy: yes\r\n";
    const response = { removed: [], added, apply: (lines: string) => lines + added };
    const answer = { status: 503, headers: "", body: "", page: "policy-missing" } as const;
    outcome = { ...UNTOUCHED, answer, response };
    const c = await rig.client();
    c.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nAccept: ${accept}\r\n\r\n`);
    expect(await rig.record()).toMatchObject({ status: 503, page: "policy-missing" });
    await c.until((text) => page.test(text));
  });

  test("a policy's answer is no page", async () => {
    rig.serve();
    outcome = { ...UNTOUCHED, answer: { status: 403, headers: "", body: "no" } };
    const c = await rig.client();
    c.send(GET);
    expect(await rig.record()).toMatchObject({
      status: 403,
      page: null,
      projectId: "project",
      deploymentId: null,
    });
  });
});

describe("requests that do not end well", () => {
  test.each<[string, string, object]>([
    ["before an answer", "", { status: 499, end: "client-left", upstreamMs: null }],
    ["in the middle of one", HALF, { status: 200, end: "client-left" }],
  ])("a client that leaves %s", async (_name, answer, expected) => {
    let isThere = false;
    rig.serve(
      await rig.replicas.raw((socket) => {
        socket.once("data", () => ((isThere = true), socket.write(answer)));
      }),
    );
    const c = await rig.client();
    c.send(GET);
    await eventually("the replica has it", () => isThere);
    await c.until((text) => text.endsWith(answer.slice(-4)));
    c.socket.destroy();
    expect(await rig.record()).toMatchObject({ ...expected, page: null });
  });

  test("a response that breaks off", async () => {
    rig.serve(await rig.replicas.raw((socket) => void socket.once("data", () => socket.end(HALF))));
    const c = await rig.client();
    c.send(GET);
    await c.closed();
    expect(await rig.record()).toMatchObject({ status: 200, end: "broken" });
  });

  test("a replica that does not answer", async () => {
    const replica = await rig.replicas.raw((socket) => {
      socket.once("data", () => void rig.clock.advance(61_000));
    });
    rig.serve(replica);
    const c = await rig.client();
    c.send(GET);
    const { address } = replica;
    expect(await rig.record()).toMatchObject({ status: 504, page: "upstream-timeout", address });
  });

  test("a retry on another replica", async () => {
    const [gone, good] = [
      await rig.replicas.raw(() => undefined),
      await rig.replicas.raw(answering(OK)),
    ];
    gone.close();
    rig.serve(gone, good);
    const c = await rig.client();
    c.send(GET);
    expect(await rig.record()).toMatchObject({ status: 200, retries: 1, address: good.address });
  });
});

test("a tunnel is told at its end, with all that went through", async () => {
  rig.serve(
    await rig.replicas.raw((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
        socket.on("data", (data) => socket.write(data));
        socket.on("end", () => socket.end());
      });
    }),
  );
  const c = await rig.client();
  const request = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n`;
  c.send(request);
  await c.until((text) => text.endsWith("\r\n\r\n"));
  expect(rig.served).toEqual([]);
  c.send("x".repeat(1000));
  await c.until((text) => text.endsWith("x".repeat(1000)));
  c.socket.end();
  expect(await rig.record()).toMatchObject({
    status: 101,
    end: "complete",
    bytesIn: request.length + 1000,
    bytesOut: c.text().length,
  });
});

describe("behind a proxy", () => {
  const FRONT = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-Forwarded-For: 6.6.6.6, 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\r\n`;

  async function seenBehind(trustedProxies: readonly string[]): Promise<string> {
    await rig.stop();
    rig = await PlaneRig.start({ trustedProxies });
    let seen = "";
    rig.serve(
      await rig.replicas.raw((socket) => {
        socket.on("data", (data) => ((seen += data.toString()), socket.write(OK)));
      }),
    );
    const c = await rig.client();
    c.send(FRONT);
    await c.until((text) => text.endsWith("ok"));
    return `${(await rig.record()).ip} ${seen.match(/^(?:forwarded|x-forwarded).*$/gm)?.join("|")}`;
  }

  test("that is trusted the client is the one it names", async () => {
    expect(await seenBehind(["127.0.0.0/8"])).toBe(
      `192.0.2.1 forwarded: for=192.0.2.1;host=${HOST};proto=https|x-forwarded-for: 192.0.2.1|x-forwarded-host: ${HOST}|x-forwarded-proto: https`,
    );
  });

  test("that is not trusted the client is the peer, whatever it says", async () => {
    expect(await seenBehind(["10.0.0.0/8"])).toBe(
      `127.0.0.1 forwarded: for=127.0.0.1;host=${HOST};proto=http|x-forwarded-for: 127.0.0.1|x-forwarded-host: ${HOST}|x-forwarded-proto: http`,
    );
  });
});
