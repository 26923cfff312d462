import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { virtualTimers } from "../../testing/virtual-timers.ts";
import { Keyring } from "../keyring.ts";
import { TransportCount } from "../transport-count.ts";
import { FRAME } from "./frame.ts";
import { plainPackets, SealedPackets } from "./packet-guard.ts";
import { Paths } from "./paths.ts";

const KEY = { id: 1, key: randomBytes(32) };
const DELAY_MS = 1;

/** Two nodes and what is between them: datagrams may be dropped, a stream may answer. */
function rig(mode: "sealed" | "plain" = "sealed") {
  const timers = virtualTimers();
  const net = { passes: true, hasStream: true };
  const detours: boolean[] = [];
  const nodes = new Map<string, ReturnType<typeof newNode>>();

  function newNode(address: string) {
    const guard = mode === "plain" ? plainPackets("x") : new SealedPackets(new Keyring([KEY]), "x");
    const count = new TransportCount();
    const got: string[] = [];
    const streamed: string[] = [];
    const sent: Buffer[] = [];
    const paths = new Paths({
      guard,
      timers,
      count,
      sendDatagram(to, frame) {
        sent.push(frame);
        if (net.passes) timers.after(DELAY_MS, () => nodes.get(to)?.receive(address, frame));
      },
      streamAnswers: async () => net.hasStream,
      sendByStream: (_, packet) => {
        if (net.hasStream) streamed.push(Buffer.from(packet).toString());
        return net.hasStream;
      },
      onDetour: (_, isDetour) => void detours.push(isDetour),
    });
    const receive = (from: string, frame: Buffer) => {
      const opened = guard.open(frame);
      if (typeof opened === "string") {
        return opened === "not-opened" && paths.onNotOpened(from, frame.length);
      }
      paths.onOpened(from, opened);
      return opened.kind === FRAME.data && got.push(opened.payload.toString());
    };
    const send = (to: string, text: string) => paths.send(to, Buffer.from(text));
    return { paths, got, streamed, sent, count, send, receive };
  }

  function start(address: string) {
    const node = newNode(address);
    nodes.set(address, node);
    return node;
  }
  return { timers, net, detours, start };
}

test("the first packets wait for the answer to one hello, and come in their order", async () => {
  const { timers, start } = rig();
  const [a, b] = [start("a"), start("b")];
  for (const text of ["one", "two", "three"]) a.send("b", text);
  expect(a.sent).toHaveLength(1);
  await timers.advance(10);
  expect(b.got).toEqual(["one", "two", "three"]);
  expect([a.sent.length, b.sent.length]).toEqual([4, 1]);
});

test("an answer to a node that has spoken needs no hello", async () => {
  const { timers, start } = rig();
  const [a, b] = [start("a"), start("b")];
  a.send("b", "ping");
  await timers.advance(10);
  b.send("a", "ack");
  await timers.advance(10);
  expect(a.got).toEqual(["ack"]);
  expect(b.sent).toHaveLength(2);
});

test.each(["sealed", "plain"] as const)(
  "pings that are answered cost nothing else (%s)",
  async (mode) => {
    const { timers, start } = rig(mode);
    const [a, b] = [start("a"), start("b")];
    a.send("b", "first");
    await timers.advance(10);
    const before = [a.sent.length, b.sent.length];
    for (let round = 0; round < 20; round++) {
      a.send("b", "ping");
      await timers.advance(5);
      b.send("a", "ack");
      await timers.advance(9_000);
      b.send("a", "ping");
      await timers.advance(5);
      a.send("b", "ack");
      await timers.advance(9_000);
    }
    expect([a.sent.length, b.sent.length]).toEqual(before.map((count) => count + 40));
  },
);

test("packets to a process that was started anew get through after a word from it", async () => {
  const { timers, start } = rig();
  const a = start("a");
  start("b");
  a.send("b", "one");
  await timers.advance(1_000);
  const again = start("b");
  a.send("b", "is lost");
  await timers.advance(100);
  a.send("b", "two, as long as a ping");
  await timers.advance(10);
  expect(again.got).toEqual(["two, as long as a ping"]);
});

test.each(["sealed", "plain"] as const)(
  "datagrams that nobody answers give way to a stream, and come back (%s)",
  async (mode) => {
    const { timers, net, detours, start } = rig(mode);
    const [a, b] = [start("a"), start("b")];
    net.passes = false;
    for (let at = 0; at < 12; at++) {
      a.send("b", `${at}`);
      await timers.advance(500);
    }
    expect(detours).toEqual([true]);
    expect(a.streamed.at(-1)).toBe("11");
    net.passes = true;
    for (let at = 12; at < 24; at++) {
      a.send("b", `${at}`);
      await timers.advance(500);
    }
    expect(detours).toEqual([true, false]);
    expect(b.got.at(-1)).toBe("23");
  },
);

test("packets to a host that answers nothing are given up and counted, and none is kept for long", async () => {
  const { timers, net, detours, start } = rig();
  const a = start("a");
  net.hasStream = false;
  for (let at = 0; at < 100; at++) a.send("gone", `${at}`);
  await timers.advance(5_000);
  expect(a.count.read().refused).toEqual({ "no-path": 100 });
  expect(detours).toEqual([]);
});

test("what does not open is answered a few times in a second, and makes no path", async () => {
  const { timers, start } = rig();
  const a = start("a");
  for (let at = 0; at < 1_000; at++) a.paths.onNotOpened(`stranger-${at}`, 100);
  expect(a.sent).toHaveLength(20);
  await timers.advance(1_000);
  a.paths.onNotOpened("stranger", 100);
  expect(a.sent).toHaveLength(21);
});

test("no stranger is answered with more than it sent", () => {
  const a = rig().start("a");
  for (let bytes = 32; bytes <= 50; bytes++) {
    const before = a.sent.length;
    a.receive("stranger", Buffer.concat([Buffer.of(0xa0, KEY.id), randomBytes(bytes - 2)]));
    for (const answer of a.sent.slice(before)) expect(answer.length).toBeLessThanOrEqual(bytes);
  }
  expect(a.sent.length).toBeGreaterThan(0);
});
