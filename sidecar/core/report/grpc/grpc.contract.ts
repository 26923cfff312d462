import { expect, test } from "vitest";
import type { FakeServer } from "../../../testing/fake-connection.ts";
import type { StartCore } from "../../../testing/fake-host.ts";
import {
  ack,
  ackMessage,
  FRAME,
  frame,
  framesOf,
  grpcCollector,
  headers,
  literal,
  OK,
  plain,
  requestOf,
  samplesOf,
  setting,
  settings,
  trailers,
  word,
} from "../../../testing/grpc-collector.ts";
import { callOf, connection, connects, GRPC, seqs } from "../../../testing/grpc-scene.ts";
import { answeringApp, COLLECTOR_PORT, scene } from "../../../testing/scene.ts";

const NOTHING = Buffer.alloc(0);
/** Says this as soon as the call has come, and then nothing. */
const saying = (...words: Buffer[]): FakeServer => ({
  onOpen: (one) => one.accept(),
  onData(one) {
    if (framesOf(one).length === 0) return;
    one.server = {};
    for (const bytes of words) one.reply(bytes);
  },
});

export function grpcContract(startCore: StartCore): void {
  const call = callOf(startCore);

  test("one call carries all samples, with the token and the deployment", () => {
    const { host, lines } = call();
    host.run(60_000);
    expect(connects(host)).toEqual([0]);
    expect(seqs(lines)).toEqual(lines.map((_line, index) => index + 1));
    expect(lines).toHaveLength(601);
    expect(requestOf(connection(host))).toEqual({
      ":method": "POST",
      ":scheme": "http",
      ":path": "/bifrost.v1.Telemetry/Report",
      ":authority": "10.0.0.1:9090",
      "content-type": "application/grpc",
      te: "trailers",
      authorization: "Bearer token",
      "bifrost-deployment": "dep1",
    });
    expect(framesOf(connection(host))[0]).toMatchObject({
      type: FRAME.settings,
      payload: Buffer.concat([setting(1, 0), setting(2, 0)]),
    });
  });

  test("a sample says what a line says", () => {
    const { host, lines } = call();
    const json = scene(answeringApp(() => 503, 'say "no"'));
    for (const one of [host, json.host]) one.wallAtZero = Number.MAX_SAFE_INTEGER - 10_000;
    const started = call();
    started.host.run(950);
    json.host.start(startCore);
    json.host.run(950);
    host.run(950);
    expect(lines.map((line) => ({ ...line, boot: 0, at: 0 }))).toEqual(
      json.lines.map((line) => ({ ...line, boot: 0, at: 0 })),
    );
    expect(json.lines[9]).toMatchObject({ boot: Number.MAX_SAFE_INTEGER - 10_000, seq: 10 });
  });

  test("numbers of 53 bits and values at their longest are whole", () => {
    const made = scene(
      answeringApp(() => 500, "z".repeat(200)),
      {
        ...GRPC,
        DEPLOYMENT_ID: "d".repeat(128),
        REPLICA: "r".repeat(253),
        COLLECTOR_TOKEN: "t".repeat(512),
      },
    );
    made.host.wallAtZero = Number.MAX_SAFE_INTEGER - 1000;
    made.host.servers.set(COLLECTOR_PORT, grpcCollector(made.lines));
    made.host.start(startCore);
    made.host.run(500);
    expect(made.lines[5]).toMatchObject({
      boot: Number.MAX_SAFE_INTEGER - 1000,
      at: Number.MAX_SAFE_INTEGER - 500,
      deployment: "d".repeat(128),
      pod: "r".repeat(253),
      body: "z".repeat(160),
    });
    expect(requestOf(connection(made.host))["authorization"]).toBe(`Bearer ${"t".repeat(512)}`);
  });

  test("samples that were not acknowledged are sent again in order, and the oldest others are dropped and counted", () => {
    const { host, lines } = call(() => saying(settings(), headers(OK), ack(1)));
    host.run(150);
    connection(host).reset();
    host.servers.set(COLLECTOR_PORT, { onOpen: (one) => one.refuse() });
    host.run(30_000);
    host.servers.set(COLLECTOR_PORT, grpcCollector(lines));
    host.run(60_000);
    const [first = 0] = seqs(lines);
    expect(first).toBeGreaterThan(3);
    expect(seqs(lines)).toEqual(lines.map((_line, index) => first + index));
    expect(lines.at(-1)?.["dropped"]).toBe(first - 2);
  });

  test("without an acknowledgement the call is given up after 5 s and made anew", () => {
    const { host } = call(() => saying(settings(), headers(OK)));
    host.run(4990);
    expect(connects(host)).toHaveLength(1);
    expect(seqs(samplesOf(connection(host)))[0]).toBe(1);
    host.run(5200);
    expect(connects(host)).toEqual([0, 5100]);
    expect(seqs(samplesOf(connection(host, 1)))[0]).toBe(1);
  });

  test("an acknowledgement may come for several samples, and in pieces", () => {
    const { host } = call(() => saying(settings(), headers(OK)));
    host.run(350);
    connection(host).slice = 1;
    const message = ackMessage(3);
    connection(host).reply(frame(FRAME.data, 0, 1, message.subarray(0, 3)));
    connection(host).reply(frame(FRAME.data, 0, 1, message.subarray(3)));
    host.run(360);
    host.stop(1000);
    host.run(5000);
    // The grace went by: one was left.
    expect(host.now).toBe(1360);
    const again = call(() => saying(settings(), headers(OK)));
    again.host.run(350);
    connection(again.host).reply(ack(4));
    again.host.stop(1000);
    again.host.run(5000);
    expect(again.host.now).toBe(350);
  });

  test.each([
    [
      "a message that is no acknowledgement",
      frame(FRAME.data, 0, 1, Buffer.from([0, 0, 0, 0, 1, 7])),
    ],
    ["a compressed message", frame(FRAME.data, 0, 1, Buffer.from([1, 0, 0, 0, 2, 8, 1]))],
    ["a message of a megabyte", frame(FRAME.data, 0, 1, Buffer.from([0, 0, 16, 0, 0, 8, 1]))],
    ["a frame larger than allowed", Buffer.from([0, 64, 1, 0, 0, 0, 0, 0, 1])],
    ["DATA of another stream", frame(FRAME.data, 0, 3, ackMessage(1))],
    ["a promise", frame(FRAME.pushPromise, 4, 1, word(2))],
    ["settings of another length", frame(FRAME.settings, 0, 0, Buffer.alloc(5))],
    ["settings of a stream", frame(FRAME.settings, 0, 1, NOTHING)],
    ["a window of more than 31 bits", settings(setting(4, 0x80000000))],
    ["a window that grows too large", frame(FRAME.windowUpdate, 0, 1, word(0x7fffffff))],
    ["a window that does not grow", frame(FRAME.windowUpdate, 0, 0, word(0))],
    ["a ping of another length", frame(FRAME.ping, 0, 0, Buffer.alloc(7))],
    ["more padding than frame", frame(FRAME.data, 8, 1, Buffer.from([9, 1, 1]))],
    ["padding of which nothing is said", frame(FRAME.data, 8, 1, NOTHING)],
    [
      "a frame within a header block",
      Buffer.concat([headers(OK, 0), frame(FRAME.ping, 0, 0, Buffer.alloc(8))]),
    ],
    ["the rest of no header block", frame(FRAME.continuation, 4, 1, NOTHING)],
    ["RST_STREAM", frame(FRAME.reset, 0, 1, word(8))],
    ["GOAWAY", frame(FRAME.goaway, 0, 0, Buffer.alloc(8))],
    ["the end of the stream", frame(FRAME.data, 1, 1, NOTHING)],
    ["trailers", trailers(literal("grpc-status", "0"))],
  ])("%s ends the call", (_what, words) => {
    const { host } = call(() => saying(settings(), headers(OK), words));
    host.run(350);
    expect(connects(host).length).toBeGreaterThan(1);
    expect(seqs(samplesOf(connection(host, 1)))[0]).toBe(1);
    expect(host.logs).toEqual([]);
  });

  test("an acknowledgement of more than was sent takes what was sent", () => {
    const { host } = call(() => saying(settings(), headers(OK), ack(99)));
    host.run(50);
    host.stop(1000);
    host.run(5000);
    expect(host.now).toBe(50);
  });

  test.each([
    ["no settings", headers(OK)],
    ["HTTP/1.1", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["an acknowledgement of settings", frame(FRAME.settings, 1, 0, NOTHING)],
    ["nothing, and closes", NOTHING],
  ])("a collector that begins with %s has failed", (_what, words) => {
    const { host } = call(() => ({
      onOpen: (one) => one.accept(),
      onData: (one) => (one.reply(words), one.end()),
    }));
    host.run(350);
    expect(connects(host)).toEqual([0, 100, 300]);
  });

  test.each([
    ["plain", literal("grpc-status", "16"), "grpc-status 16"],
    ["of one digit", literal("grpc-status", "7"), "grpc-status 7"],
    [
      "among others",
      Buffer.concat([
        OK,
        Buffer.from([0x20]),
        literal("grpc-message", "no"),
        literal("grpc-status", "14"),
      ]),
      "grpc-status 14",
    ],
    [
      "in Huffman code",
      Buffer.concat([
        Buffer.from([0x00, 0x88, 0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f]),
        Buffer.from([0x82, 0x0b, 0x9f]),
      ]),
      "grpc-status 16",
    ],
    [
      "as a literal kept in tables",
      Buffer.concat([Buffer.from([0x40]), plain("grpc-status"), plain("8")]),
      "grpc-status 8",
    ],
    ["as HTTP status of the static table", Buffer.from([0x8d]), "404"],
    ["as HTTP status", Buffer.concat([Buffer.from([0x08]), plain("401")]), "401"],
    ["as HTTP status in Huffman code", Buffer.from([0x48, 0x82, 0x68, 0x01]), "401"],
  ])("a refusal %s is said once, and the samples are kept", (_how, block, words) => {
    const { host } = call(() => saying(settings(), trailers(block)));
    host.run(5000);
    expect(host.logs).toEqual([`the collector answers ${words}`]);
    const last = connection(host, connects(host).length - 1);
    expect(seqs(samplesOf(last))[0]).toBeGreaterThanOrEqual(1);
    expect(connects(host).length).toBeLessThan(8);
  });

  test("a status in a block of several frames is read, and one beyond what is kept is not missed for ever", () => {
    const block = literal("grpc-status", "7");
    const long = Buffer.concat([literal("a", "b".repeat(100)), literal("c", "d".repeat(100))]);
    const { host } = call(() =>
      saying(
        settings(),
        headers(Buffer.concat([long, block.subarray(0, 5)]), 1),
        frame(FRAME.continuation, 4, 1, block.subarray(5)),
      ),
    );
    host.run(50);
    expect(host.logs).toEqual(["the collector answers grpc-status 7"]);
    const cut = call(() =>
      saying(
        settings(),
        headers(Buffer.concat([...Array.from({ length: 9 }, () => long), block]), 5),
      ),
    );
    cut.host.run(350);
    expect(cut.host.logs).toEqual([]);
    expect(connects(cut.host)).toHaveLength(3);
  });

  test("samples called malformed are dropped and counted", () => {
    const { host, lines } = call(() => saying(settings(), trailers(literal("grpc-status", "3"))));
    host.run(50);
    host.servers.set(COLLECTOR_PORT, grpcCollector(lines));
    host.run(500);
    expect(seqs(lines)).toEqual([2, 3, 4, 5, 6]);
    expect(lines[0]).toMatchObject({ dropped: 1 });
  });

  test("over TLS its scheme is https", () => {
    const made = scene(
      answeringApp(() => 200),
      { ...GRPC, COLLECTOR_CA_FILE: "/ca.pem" },
    );
    made.host.hasTls = true;
    made.host.files.set("/ca.pem", "x");
    made.host.servers.set(COLLECTOR_PORT, grpcCollector(made.lines));
    made.host.start(startCore);
    made.host.run(50);
    expect(requestOf(connection(made.host))[":scheme"]).toBe("https");
    expect(made.lines).toHaveLength(1);
  });
}
