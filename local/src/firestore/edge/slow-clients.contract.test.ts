import { connect as connectHttp2 } from "node:http2";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadFirestoreMethods } from "../grpc/firestore-proto.ts";
import type { RunningFirestore } from "../index.ts";
import { ROOT, startTestFirestore, until } from "../testing/firestore-fixture.ts";
import { HTTP2_PREFACE, openRaw, SETTINGS, type RawSocket } from "../testing/raw-socket.ts";
import { bearing, rawClient } from "../testing/transports.ts";
import { servesOthersDuring } from "../testing/well-behaved.ts";

const MANY = 50;
const TARGET = { addTarget: { targetId: 1, documents: { documents: [`${ROOT}/big/a`] } } };
let server: RunningFirestore;
let opened: RawSocket[] = [];

beforeEach(async () => {
  opened = [];
  server = await startTestFirestore({
    limits: {
      silenceMs: 150,
      headersMs: 150,
      requestMs: 300,
      checkEveryMs: 50,
      idleGrpcMs: 300,
      maxUnsentBytes: 1024 * 1024,
    },
  });
});
afterEach(async () => {
  for (const { socket } of opened) socket.destroy();
  await server.stop();
});

async function openMany(count: number, ...parts: (string | Buffer)[]): Promise<RawSocket[]> {
  const sockets = await Promise.all(
    Array.from({ length: count }, () => openRaw(server.port, ...parts)),
  );
  opened.push(...sockets);
  return sockets;
}

const POST = `POST /v1/${ROOT}:commit HTTP/1.1\r\nHost: 127.0.0.1\r\n`;

describe("a connection is ended when it", () => {
  test.each<[string, (string | Buffer)[], string]>([
    ["says nothing", [], ""],
    ["says half a preface", ["PR"], ""],
    ["says half a preface in two parts", ["P", "R"], ""],
    ["sends half a header", ["GET / HTTP/1.1\r\nHost: 127."], "408"],
    ["sends half a body", [`${POST}Content-Length: 100\r\n\r\n{"writes":`], "408"],
    ["sends half a chunk", [`${POST}Transfer-Encoding: chunked\r\n\r\n20\r\n{"wri`], "408"],
    ["sends half a second header", ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT"], "408"],
    ["speaks HTTP/2 without settings", [HTTP2_PREFACE], ""],
    ["speaks HTTP/2 and calls nothing", [HTTP2_PREFACE, SETTINGS], ""],
    ["sends half a frame", [HTTP2_PREFACE, SETTINGS, Buffer.from([0, 0, 8, 6, 0])], ""],
  ])("%s", async (_name, parts, answer) => {
    const sockets = await openMany(MANY, ...parts);
    const answers = await servesOthersDuring(
      server,
      Promise.all(sockets.map(({ closed }) => closed)),
    );
    expect(answers).toHaveLength(MANY);
    for (const text of answers) expect(text).toContain(answer);
  });

  test("sends its header byte by byte", async () => {
    const sockets = await openMany(MANY, "GET / HTTP/1.1\r\nX: ");
    const drip = setInterval(() => {
      for (const { socket } of sockets) socket.write("x");
    }, 20);
    const all = Promise.all(sockets.map(({ closed }) => closed));
    await servesOthersDuring(server, all).finally(() => clearInterval(drip));
  });
});

test("a gRPC call that does not say what it wants is ended", async () => {
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  const ended = ["GetDocument", "Listen", "RunQuery"].map(
    (method) =>
      new Promise<string>((resolve) => {
        const stream = session.request({
          ":method": "POST",
          ":path": `/google.firestore.v1.Firestore/${method}`,
          "content-type": "application/grpc",
        });
        // A two-way call and one that streams its answers have sent their headers before.
        stream.on(
          "response",
          (headers) => headers["grpc-status"] && resolve(String(headers["grpc-status"])),
        );
        stream.on("trailers", (trailers) => resolve(String(trailers["grpc-status"])));
        stream.on("error", () => undefined);
        stream.resume();
      }),
  );
  expect(await servesOthersDuring(server, Promise.all(ended))).toEqual(["4", "4", "4"]);
  session.destroy();
});

/** A call whose answers nobody takes: Google's clients read ahead, so this one is made by hand. */
function listenWithoutReading(): {
  readonly read: () => Promise<string>;
  readonly bytes: () => number;
} {
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": "/google.firestore.v1.Firestore/Listen",
    "content-type": "application/grpc",
    authorization: "Bearer owner",
  });
  const message = loadFirestoreMethods().get("Listen")?.requestSerialize(TARGET) ?? Buffer.alloc(0);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([head, message]));
  let bytes = 0;
  const ended = new Promise<string>((resolve) => {
    stream.on("trailers", (trailers) => resolve(String(trailers["grpc-status"])));
  });
  const read = (): Promise<string> => {
    stream.on("data", (chunk: Buffer) => (bytes += chunk.length));
    return ended.finally(() => session.destroy());
  };
  return { read, bytes: () => bytes };
}

test("a listener that does not read is ended as RESOURCE_EXHAUSTED, and the others hear everything", async () => {
  const idle = listenWithoutReading();
  const client = rawClient(server.port);
  const eager = client.Listen(bearing("Bearer owner"));
  let heard = 0;
  eager.on("error", () => undefined); // that it is hung up at the end
  eager.on("data", () => (heard += 1));
  eager.write(TARGET);
  await until(() => heard === 4, "the first snapshot");
  const [text, writes] = ["x".repeat(100_000), 60];
  for (let n = 1; n <= writes; n += 1) {
    const fields = { text: { stringValue: text }, n: { integerValue: String(n) } };
    const response = await fetch(`http://127.0.0.1:${server.port}/v1/${ROOT}/big/a`, {
      method: "PATCH",
      headers: { authorization: "Bearer owner" },
      body: JSON.stringify({ fields }),
    });
    expect(response.status).toBe(200);
    await response.body?.cancel();
    await until(() => heard === 4 + 2 * n, "the change");
  }
  expect(await idle.read()).toBe(String(status.RESOURCE_EXHAUSTED));
  expect(idle.bytes()).toBeLessThan(2 * 1024 * 1024);
  client.close();
});
