/** The collector's gRPC port, with the unmodified client and the proto file, and with clients that mean no good. */
import { randomBytes } from "node:crypto";
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { TelemetryLine } from "@bifrost/shared/domain/telemetry";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { GrpcSidecar } from "../../testing/grpc-sidecar.ts";
import { sampleLine } from "../../testing/sample-line.ts";
import { eventually, rawClient, TEST_SECRET } from "../../testing/test-gateway.ts";
import type { CollectorLimits } from "../collector.ts";
import { startTelemetry, type RunningTelemetry } from "../start-telemetry.ts";
import type { GrpcLimits } from "./grpc-server.ts";

const ID = "abcdefghij";
const OWN = {
  authorization: `Bearer ${telemetryToken(TEST_SECRET, ID)}`,
  "bifrost-deployment": ID,
};

let running: RunningTelemetry;
let sidecars: GrpcSidecar[] = [];

async function start(limits: Partial<CollectorLimits> = {}, grpcLimits: Partial<GrpcLimits> = {}) {
  running = await startTelemetry({
    host: "127.0.0.1",
    grpcPort: 0,
    secret: TEST_SECRET,
    store: null,
    timers: systemTimers,
    log: silentLogger,
    limits,
    grpcLimits,
  });
}

function sidecar(port = running.grpc.port): GrpcSidecar {
  const made = new GrpcSidecar(port);
  sidecars.push(made);
  return made;
}

beforeEach(() => start());
afterEach(async () => {
  for (const one of sidecars) one.close();
  sidecars = [];
  await running.stop(0);
});

async function restart(limits: Partial<CollectorLimits>, grpcLimits: Partial<GrpcLimits> = {}) {
  await running.stop(0);
  await start(limits, grpcLimits);
}

const line = (changes: Partial<TelemetryLine> = {}) => sampleLine({ deployment: ID, ...changes });
const stored = () => running.collector.replicasOf(ID);

describe("a stream", () => {
  test("is acknowledged up to its last sample, not one by one under load", async () => {
    const stream = sidecar().report(OWN);
    for (let seq = 1; seq <= 1500; seq++) stream.send(line({ seq }));
    await eventually("the last is acknowledged", () => stream.acks.at(-1) === 1500);
    expect(stream.acks.length).toBeLessThan(300);
    expect(stream.acks).toEqual(stream.acks.toSorted((one, other) => one - other));
    expect(stored()).toMatchObject([{ seq: 1500 }]);
    expect(running.collector.metrics.accepted).toBe(1500);
    stream.send(line({ seq: 1501 }));
    stream.finish();
    expect(await stream.ended).toMatchObject({ code: status.OK });
    expect(stream.acks.at(-1)).toBe(1501);
  });

  test("carries every field as NDJSON does", async () => {
    const sample = line({
      boot: Number.MAX_SAFE_INTEGER,
      at: 1_764_000_000_123,
      healthy: false,
      proven: true,
      verdictMs: 2 ** 40,
      result: 4,
      status: 503,
      connected: true,
      connectMs: 7,
      latencyMs: 12,
      body: "no database",
      fails: 3,
      restarts: 2,
      fds: 2 ** 32 - 1,
      dropped: 9,
    });
    const heard: TelemetryLine[] = [];
    running.collector.samples.subscribe(
      (samples) => void heard.push(...samples.map((one) => one.line)),
    );
    sidecar().report(OWN).send(sample);
    await eventually("it is heard", () => heard.length > 0);
    expect(heard).toEqual([sample]);
  });

  test("sent again after a lost connection changes nothing and is acknowledged", async () => {
    const first = sidecar().report(OWN);
    for (let seq = 1; seq <= 5; seq++) first.send(line({ seq }));
    await eventually("all are taken", () => first.acks.at(-1) === 5);
    sidecars[0]?.close();
    const second = sidecar().report(OWN);
    for (let seq = 3; seq <= 7; seq++) second.send(line({ seq }));
    await eventually("all are acknowledged", () => second.acks.at(-1) === 7);
    expect(running.collector.metrics).toMatchObject({ accepted: 7, repeated: 3 });
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    ["without a token", { "bifrost-deployment": ID }],
    ["without a deployment", { authorization: OWN.authorization }],
    ["with another deployment's token", { ...OWN, "bifrost-deployment": "other" }],
    [
      "with another scheme",
      { ...OWN, authorization: OWN.authorization.replace("Bearer", "Basic") },
    ],
  ])("%s is refused before a sample is read", async (_how, entries) => {
    const stream = sidecar().report(entries);
    stream.send(line());
    expect(await stream.ended).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(stored()).toEqual([]);
    expect(running.unauthenticated()).toBe(1);
    expect(running.collector.metrics.refusedAsInvalid).toBe(0);
  });

  test.each<[string, Partial<TelemetryLine>, number, RegExp]>([
    [
      "for another deployment",
      { deployment: "other" },
      status.INVALID_ARGUMENT,
      /speaks for deployment other/,
    ],
    ["with a number beyond the safe ones", { boot: 2 ** 53 + 2 }, status.INVALID_ARGUMENT, /boot/],
    ["with a pod that is no name", { pod: "../x" }, status.INVALID_ARGUMENT, /pod/],
    ["that is too large", { body: "x".repeat(5000) }, status.RESOURCE_EXHAUSTED, /larger than max/],
  ])("ends with a sample %s, and what came before is kept", async (_what, changes, code, words) => {
    const stream = sidecar().report(OWN);
    stream.send(line({ seq: 1 }));
    await eventually("the first is acknowledged", () => stream.acks.length > 0);
    stream.send(line({ seq: 2, ...changes }));
    expect(await stream.ended).toMatchObject({ code, details: expect.stringMatching(words) });
    expect(stored()).toMatchObject([{ seq: 1 }]);
  });

  test("of a deployment that floods is ended with the time to wait, and may come back", async () => {
    await restart({ burst: 100, samplesPerSecond: 2 });
    const flood = sidecar().report(OWN);
    for (let seq = 1; seq <= 1000; seq++) flood.send(line({ seq }));
    const end = await flood.ended;
    expect(end).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(end.details).toMatch(/report again in \d+ s/);
    expect(flood.acks.at(-1)).toBeGreaterThanOrEqual(100);
    await eventually("there is room", hasRoom);
    const again = sidecar().report(OWN);
    again.send(line({ seq: 2000 }));
    await eventually("it is taken", () => again.acks.at(-1) === 2000);
  });
});

function hasRoom(): boolean {
  try {
    running.collector.assertRoom(ID);
    return true;
  } catch {
    return false;
  }
}

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** Frame header: length, type, flags, stream. */
const frame = (length: number, type: number, flags: number, id: number) =>
  String.fromCharCode(length >> 16, (length >> 8) & 255, length & 255, type, flags, 0, 0, 0, id);

describe("a connection", () => {
  test("lives as long as its call, which may say nothing; without one it is closed", async () => {
    await restart({}, { idleMs: 100, keepAliveMs: 20, keepAliveTimeoutMs: 5000 });
    const stream = sidecar().report(OWN);
    stream.send(line({ seq: 1 }));
    await eventually("it is taken", () => stream.acks.at(-1) === 1);
    const silent = await rawClient(running.grpc.port);
    await silent.closed();
    expect(stream.isOver()).toBe(false);
    stream.send(line({ seq: 2 }));
    await eventually("the same call goes on", () => stream.acks.at(-1) === 2);
  });

  test("that is dead is closed: nobody answers whether it is still there", async () => {
    await restart({}, { keepAliveMs: 50, keepAliveTimeoutMs: 100 });
    const links: Socket[] = [];
    // A network that swallows everything once it is cut.
    const network = createServer((socket) => {
      const onwards = connect(running.grpc.port, "127.0.0.1");
      links.push(socket, onwards);
      for (const one of [socket, onwards]) one.on("error", () => undefined);
      socket.pipe(onwards).pipe(socket);
    });
    await new Promise<void>((resolve) => network.listen(0, "127.0.0.1", resolve));
    const stream = sidecar((network.address() as AddressInfo).port).report(OWN);
    stream.send(line());
    await eventually("it is taken", () => stream.acks.length > 0);
    for (const link of links) link.unpipe();
    await eventually("it is gone", () => running.grpc.connections() === 0);
    await eventually("its call too", () => running.grpc.calls() === 0);
    for (const link of links) link.destroy();
    network.close();
  });

  test("has a bound on its calls: what is more waits", async () => {
    await restart({}, { callsPerConnection: 2 });
    const one = sidecar();
    const streams = [1, 2, 3].map((seq) => {
      const stream = one.report(OWN);
      stream.send(line({ pod: `pod-${seq}` }));
      return stream;
    });
    await eventually("two are taken", () => stored().length === 2);
    expect(streams[2]?.acks).toEqual([]);
    streams[0]?.finish();
    await eventually("the third is taken", () => streams[2]?.acks.length === 1);
  });

  test("beyond as many as there may be is closed and counted", async () => {
    await restart({}, { connections: 2 });
    const held = [await rawClient(running.grpc.port), await rawClient(running.grpc.port)];
    await eventually("both are there", () => running.grpc.connections() === 2);
    await (await rawClient(running.grpc.port)).closed();
    expect(running.grpc.metrics.refusedConnections).toBe(1);
    for (const { socket } of held) socket.destroy();
  });

  test.each<[string, string]>([
    ["random bytes", randomBytes(4096).toString("latin1")],
    ["an HTTP/1.1 request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["half a preface", preface.slice(0, 10)],
    ["a frame larger than any", preface + frame(16_777_215, 0, 0, 1)],
    [
      "header blocks that are none",
      preface + frame(0, 4, 0, 0) + frame(6, 1, 4, 1) + "\xff\xff\xff\xff\xff\xff",
    ],
    ["data for no stream", preface + frame(0, 4, 0, 0) + frame(4, 0, 0, 9) + "abcd"],
    ["settings for a stream", preface + frame(0, 4, 0, 7)],
  ])("with %s is closed, and others are served on", async (_what, bytes) => {
    await restart({}, { idleMs: 200 });
    const stream = sidecar().report(OWN);
    stream.send(line({ seq: 1 }));
    await eventually("it is taken", () => stream.acks.at(-1) === 1);
    const hostile = await rawClient(running.grpc.port);
    hostile.send(bytes);
    await hostile.closed();
    stream.send(line({ seq: 2 }));
    await eventually("the other goes on", () => stream.acks.at(-1) === 2);
  });
});

test("a collector that stops acknowledges what it took and sends its sidecars elsewhere", async () => {
  const stream = sidecar().report(OWN);
  for (let seq = 1; seq <= 20; seq++) stream.send(line({ seq }));
  await eventually("all are taken", () => stored()[0]?.seq === 20);
  const stopped = running.stop(2000);
  expect(await stream.ended).toMatchObject({ code: status.UNAVAILABLE });
  expect(stream.acks.at(-1)).toBe(20);
  await stopped;
  await expect(rawClient(running.grpc.port)).rejects.toThrow("ECONNREFUSED");
});
