import { expect, test } from "vitest";
import type { StartCore } from "../../../testing/fake-host.ts";
import {
  FRAME,
  frame,
  framesOf,
  grpcCollector,
  OK,
  setting,
  settings,
  word,
} from "../../../testing/grpc-collector.ts";
import { callOf, connection, connects, seqs } from "../../../testing/grpc-scene.ts";
import { answeringApp } from "../../../testing/scene.ts";

const NOTHING = Buffer.alloc(0);

export function http2Contract(startCore: StartCore): void {
  const call = callOf(startCore);

  test("what a server may say besides is answered or passed over", () => {
    const { host } = call((lines) => grpcCollector(lines));
    host.run(100);
    const one = connection(host);
    const before = framesOf(one).length;
    const opaque = Buffer.from("12345678");
    for (const words of [
      frame(FRAME.ping, 0, 0, opaque),
      frame(FRAME.ping, 1, 0, opaque),
      settings(setting(5, 20_000), setting(99, 7)),
      frame(FRAME.priority, 0, 1, Buffer.alloc(5)),
      frame(200, 255, 0, Buffer.alloc(300)),
      frame(FRAME.data, 8, 1, Buffer.concat([Buffer.from([3]), Buffer.alloc(3)])),
      frame(
        FRAME.headers,
        8 | 32,
        1,
        Buffer.concat([Buffer.from([2]), Buffer.alloc(5), OK.subarray(0, 0), Buffer.alloc(2)]),
      ),
      frame(FRAME.continuation, 4, 1, OK),
      frame(FRAME.windowUpdate, 0, 0, word(5)),
    ]) {
      one.reply(words);
    }
    host.run(150);
    expect(framesOf(one).slice(before)).toEqual([
      { type: FRAME.ping, flags: 1, stream: 0, payload: opaque },
      { type: FRAME.settings, flags: 1, stream: 0, payload: NOTHING },
    ]);
    host.run(1000);
    expect(connects(host)).toEqual([0]);
  });

  test("a stream window of 100 bytes is kept to, and grows", () => {
    const { host, lines } = call((all) => grpcCollector(all, settings(setting(4, 100))));
    host.run(1000);
    const sent = () =>
      framesOf(connection(host))
        .filter(({ type }) => type === FRAME.data)
        .reduce((sum, { payload }) => sum + payload.length, 0);
    expect(sent()).toBe(100);
    connection(host).reply(frame(FRAME.windowUpdate, 0, 1, word(50)));
    host.run(1100);
    expect(sent()).toBe(150);
    connection(host).reply(settings(setting(4, 60_000)));
    host.run(1900);
    expect(seqs(lines)).toEqual(lines.map((_line, index) => index + 1));
    expect(lines.length).toBeGreaterThan(18);
  });

  test("the connection's window is kept to over many samples", () => {
    const { host, lines } = call();
    host.servers.set(
      8080,
      answeringApp(() => 503, "z".repeat(200)),
    );
    host.run(33_000);
    const before = lines.length;
    expect(before).toBeLessThan(331);
    connection(host).reply(frame(FRAME.windowUpdate, 0, 1, word(60_000)));
    host.run(33_100);
    expect(lines).toHaveLength(before);
    connection(host).reply(frame(FRAME.windowUpdate, 0, 0, word(60_000)));
    host.run(33_150);
    expect(lines.length).toBe(332);
  });

  test("what the collector may send is given back to it", () => {
    const { host } = call((lines) => grpcCollector(lines));
    host.run(100);
    for (let i = 0; i < 5; i++)
      connection(host).reply(
        frame(FRAME.data, 8, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(255)])),
      );
    host.run(200);
    const updates = () =>
      framesOf(connection(host)).filter(({ type }) => type === FRAME.windowUpdate);
    expect(updates()).toEqual([]);
    for (let i = 0; i < 60; i++)
      connection(host).reply(
        frame(FRAME.data, 8, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(255)])),
      );
    host.run(300);
    expect(updates().map(({ stream }) => stream)).toEqual([0, 1]);
    expect(updates()[0]?.payload.readUInt32BE()).toBeGreaterThanOrEqual(16_384);
  });

  test("a flood of pings of a collector that reads nothing is not answered for ever", () => {
    const { host } = call((lines) => grpcCollector(lines));
    host.run(100);
    const one = connection(host);
    one.window = 0;
    for (let i = 0; i < 20_000; i++) one.reply(frame(FRAME.ping, 0, 0, Buffer.alloc(8)));
    host.run(5300);
    expect(one.isClosed).toBe(true);
  });
}
