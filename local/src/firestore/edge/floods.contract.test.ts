import { Agent, request as httpRequest } from "node:http";
import { connect as connectHttp2, constants } from "node:http2";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RunningFirestore } from "../index.ts";
import { ROOT, startTestFirestore, until } from "../testing/firestore-fixture.ts";
import {
  frame,
  HTTP2_PREFACE,
  openRaw,
  SETTINGS,
  writeRaw,
  type RawSocket,
} from "../testing/raw-socket.ts";
import { servesOthersDuring } from "../testing/well-behaved.ts";

let server: RunningFirestore;
let opened: RawSocket[] = [];
beforeEach(async () => {
  opened = [];
  server = await startTestFirestore();
});
afterEach(async () => {
  for (const { socket } of opened) socket.destroy();
  await server.stop();
});

const connections = (): number => Number(server.info()["connections"]);

async function openMany(count: number, ...parts: (string | Buffer)[]): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    opened.push(await openRaw(server.port, ...parts));
  }
}

test("of two thousand silent connections the newest 256 stay, and who has something to say gets in", async () => {
  await servesOthersDuring(server, openMany(2_000));
  await until(() => connections() <= 300, "the silent ones have gone");
  expect(connections()).toBeGreaterThanOrEqual(256);
});

test("of 2,500 idle connections that did speak the newest 2,048 stay, and newcomers get in", async () => {
  const health = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const attack = Promise.all([openMany(1_500, health), openMany(1_000, HTTP2_PREFACE, SETTINGS)]);
  await servesOthersDuring(server, attack);
  await until(() => connections() <= 2_048, "there are no more than allowed");
  await servesOthersDuring(server, Promise.resolve());
  expect(connections()).toBeGreaterThan(2_000);
});

test.each([
  ["calls", "/google.firestore.v1.Firestore/Listen", "application/grpc"],
  ["what is no gRPC", "/google.firestore.v1.Firestore/Listen", "text/plain"],
  ["methods that do not exist", "/google.firestore.v1.Firestore/Nothing", "application/grpc"],
])("a client that opens and resets %s without end stops nobody", async (_name, path, type) => {
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  session.on("error", () => undefined);
  const attack = async (): Promise<number> => {
    let count = 0;
    while (count < 5_000 && !session.closed && !session.destroyed) {
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": type,
      });
      stream.on("error", () => undefined);
      stream.close(constants.NGHTTP2_CANCEL);
      count += 1;
      if (count % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return count;
  };
  await servesOthersDuring(server, attack());
  session.destroy();
});

test.each([
  ["PING", frame(6, Buffer.alloc(8))],
  ["SETTINGS", SETTINGS],
  ["PRIORITY", frame(2, Buffer.from([0, 0, 0, 0, 1]), 3)],
  ["RST_STREAM of calls that never were", frame(3, Buffer.from([0, 0, 0, 8]), 1)],
  ["empty DATA", frame(0, Buffer.alloc(0), 1)],
])("100,000 frames of %s stop nobody", async (_name, one) => {
  const flood = Buffer.concat(Array.from({ length: 1_000 }, () => one));
  const attacker = await openRaw(server.port, HTTP2_PREFACE, SETTINGS);
  opened.push(attacker);
  const { socket } = attacker;
  const attack = async (): Promise<void> => {
    for (let round = 0; round < 100 && !socket.destroyed; round += 1) {
      await writeRaw(attacker, flood);
    }
  };
  await servesOthersDuring(server, attack());
});

test("pings whose answers nobody reads end the connection", async () => {
  const attacker = await openRaw(server.port, HTTP2_PREFACE, SETTINGS);
  opened.push(attacker);
  const { socket } = attacker;
  socket.pause();
  const flood = Buffer.concat(Array.from({ length: 1_000 }, () => frame(6, Buffer.alloc(8))));
  const attack = async (): Promise<void> => {
    while (!socket.destroyed && socket.writableLength < 50_000_000) {
      socket.write(flood);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await servesOthersDuring(server, attack());
  expect(socket.writableLength).toBeLessThan(50_000_000);
});

test("ten thousand small requests over a hundred connections are all answered, and so are the others", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  const ask = (index: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const path = `/v1/${ROOT}/small/${index % 50}`;
      const headers = { authorization: "Bearer user-ada" };
      httpRequest({ port: server.port, host: "127.0.0.1", agent, path, headers }, (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode ?? 0));
      })
        .once("error", reject)
        .end();
    });
  const attack = Promise.all(Array.from({ length: 10_000 }, (_, index) => ask(index)));
  const statuses = await servesOthersDuring(server, attack);
  agent.destroy();
  expect(new Set(statuses)).toEqual(new Set([404]));
});
