import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Logger, LogFields } from "@bifrost/shared/ports/logger";
import { Keyring } from "./keyring.ts";
import type { Address } from "./member.ts";
import { FRAME, readSealedHeader } from "./mesh/frame.ts";
import { parseHostPort } from "./mesh/host-port.ts";
import { Relay } from "./testing/relay.ts";
import { udpTransport, type UdpParts } from "./testing/udp-world.ts";
import type { UdpTransport } from "./udp-transport.ts";

const WAIT = { timeout: 10_000, interval: 5 };
const KEY = { id: 1, key: randomBytes(32) };
const NEXT = { id: 2, key: randomBytes(32) };
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

interface Node {
  readonly transport: UdpTransport;
  readonly packets: string[];
  readonly refused: Address[];
  readonly logged: { readonly event: string; readonly fields: LogFields | undefined }[];
}

async function node(parts: UdpParts = {}): Promise<Node> {
  const logged: Node["logged"] = [];
  const log = (event: string, fields?: LogFields) => void logged.push({ event, fields });
  const logger: Logger = { debug: log, info: log, warn: log, error: log, with: () => logger };
  const transport = udpTransport({ logger, ...parts });
  const packets: string[] = [];
  const refused: Address[] = [];
  await transport.start({
    onPacket: (_, packet) => void packets.push(Buffer.from(packet).toString()),
    onRequest: async (_, body) => body,
    onRefused: (address) => void refused.push(address),
    onDoubt() {},
  });
  ends.push(() => transport.stop());
  return { transport, packets, refused, logged };
}

const sealed = (parts: UdpParts = {}) => node({ keyring: new Keyring([KEY]), ...parts });

async function relayTo(target: Node): Promise<Relay> {
  const relay = await Relay.to(target.transport.localAddress);
  ends.push(() => relay.close());
  return relay;
}

function dataFrames(relay: Relay): Buffer[] {
  return relay.frames.filter((frame) => readSealedHeader(frame)?.kind === FRAME.data);
}

describe("what an eavesdropper repeats is refused", () => {
  test("by the node it was sent to", async () => {
    const [a, b] = [await sealed(), await sealed()];
    const relay = await relayTo(b);
    for (const text of ["one", "two"]) {
      a.transport.send(relay.address, Buffer.from(text));
      await vi.waitFor(() => expect(b.packets).toContain(text), WAIT);
    }
    for (const frame of dataFrames(relay)) relay.inject(frame);
    await vi.waitFor(() => expect(b.transport.counters().refused).toEqual({ replayed: 2 }), WAIT);
    expect(b.packets).toEqual(["one", "two"]);
  });

  test("by the process that was started in its place", async () => {
    const [a, b] = [await sealed(), await sealed()];
    const relay = await relayTo(b);
    a.transport.send(relay.address, Buffer.from("one"));
    await vi.waitFor(() => expect(b.packets).toEqual(["one"]), WAIT);
    await b.transport.stop();
    const again = await sealed({ port: portOf(b) });
    for (const frame of relay.frames) relay.inject(frame);
    await vi.waitFor(() => {
      expect(again.transport.counters().refused).toEqual({ "not-opened": 1 });
    }, WAIT);
    expect(again.packets).toEqual([]);
  });
});

test("a clock that is put back holds nothing up: whoever is started anew is found at once", async () => {
  const [a, b] = [await sealed(), await sealed()];
  const to = b.transport.localAddress;
  a.transport.send(to, Buffer.from("one"));
  await vi.waitFor(() => expect(b.packets).toEqual(["one"]), WAIT);
  await b.transport.stop();
  const again = await sealed({ port: portOf(b) });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 3_600_000 });
  try {
    await vi.waitFor(() => {
      a.transport.send(to, Buffer.from("two"));
      expect(again.packets).toContain("two");
    }, WAIT);
  } finally {
    vi.useRealTimers();
  }
});

describe("strangers", () => {
  test.each<[string, UdpParts, RegExp]>([
    ["of another label", { keyring: new Keyring([KEY]), label: "other" }, /another cluster/],
    ["with another key", { keyring: new Keyring([NEXT]) }, /lacks the key/],
    [
      "with another key of the same number",
      { keyring: new Keyring([{ ...NEXT, id: 1 }]) },
      /another key under/,
    ],
    ["without keys", { keyring: null }, /gossip keys/],
  ])("%s get nothing through, and are told why in their log", async (_, parts, cause) => {
    const [a, stranger] = [await sealed(), await node(parts)];
    const to = a.transport.localAddress;
    stranger.transport.send(to, Buffer.from("ping"));
    await expect(stranger.transport.request(to, Buffer.from("x"), 3_000)).rejects.toThrow(cause);
    expect(await stranger.transport.check(to, 3_000)).toBe("stalled");
    expect(a.packets).toEqual([]);
    const said = stranger.logged.filter(
      ({ event }) => event === "what answers is not a node of this cluster",
    );
    expect(said).toMatchObject([{ fields: { address: to, cause: expect.stringMatching(cause) } }]);
  });

  test("who send anything at all to the port do not disturb the others", async () => {
    const [a, b] = [await sealed(), await sealed()];
    const to = b.transport.localAddress;
    const calls = Array.from({ length: 40 }, (_, at) => {
      const socket = connect({ host: "127.0.0.1", port: portOf(b) });
      socket.on("error", () => {});
      socket.resume();
      socket.end(randomBytes(1 + at * 97));
      return new Promise((resolve) => void socket.once("close", resolve));
    });
    const relay = await relayTo(b);
    for (let at = 0; at < 100; at++) relay.inject(randomBytes(at * 14));
    await Promise.all(calls);
    a.transport.send(to, Buffer.from("ping"));
    await vi.waitFor(() => expect(b.packets).toEqual(["ping"]), WAIT);
    await expect(a.transport.request(to, Buffer.from("x"), 3_000)).resolves.toHaveLength(1);
  });
});

describe("strangers who call and say nothing", () => {
  const crowd = 600;

  test("are sent away for the next ones, so that nodes get through all the same", async () => {
    const [a, b] = [await sealed(), await sealed()];
    const calls = Array.from({ length: crowd }, () => connect(portOf(b), "127.0.0.1"));
    ends.push(async () => calls.forEach((socket) => void socket.destroy()));
    let ended = 0;
    for (const socket of calls) socket.on("error", () => {}).once("close", () => ended++);
    await vi.waitFor(() => expect(ended).toBeGreaterThan(crowd / 2), WAIT);
    expect(await a.transport.check(b.transport.localAddress, 3_000)).toBe("answered");
    await expect(
      a.transport.request(b.transport.localAddress, Buffer.from("x"), 3_000),
    ).resolves.toHaveLength(1);
  });
});

describe("where datagrams are blocked", () => {
  test.each([
    ["sealed", sealed],
    ["not sealed", node],
  ] as const)(
    "packets (%s) go over a stream, and as datagrams again once those pass",
    async (_, make) => {
      const [a, b] = [await make(), await make()];
      const relay = await relayTo(b);
      relay.passesUdp = false;
      let sent = 0;
      const sendOne = () => a.transport.send(relay.address, Buffer.from(`packet ${sent++}`));
      await vi.waitFor(
        () => {
          sendOne();
          expect(b.packets.length).toBeGreaterThan(0);
        },
        { timeout: 15_000, interval: 50 },
      );
      expect(a.logged).toMatchObject([
        {
          event: expect.stringContaining("packets go over TCP"),
          fields: { address: relay.address },
        },
      ]);
      expect(b.transport.counters().packetsReceived).toBe(0);
      relay.passesUdp = true;
      await vi.waitFor(
        () => {
          sendOne();
          expect(a.logged.at(-1)?.event).toBe("a node answers over UDP again");
        },
        { timeout: 15_000, interval: 50 },
      );
      const before = b.transport.counters().packetsReceived;
      sendOne();
      await vi.waitFor(
        () => expect(b.transport.counters().packetsReceived).toBeGreaterThan(before),
        WAIT,
      );
    },
  );
});

describe("a key that is removed", () => {
  test("ends the streams that were opened with it, and opens nothing any more", async () => {
    const keyring = new Keyring([KEY, NEXT]);
    const [a, b] = [await sealed(), await node({ keyring })];
    const to = b.transport.localAddress;
    a.transport.link([to]);
    await a.transport.request(to, Buffer.from("x"), 3_000);
    keyring.use(NEXT.id);
    keyring.remove(KEY.id);
    // The node itself is not gone: the link ended and what answers has no key in common.
    await vi.waitFor(() => {
      const asking = a.transport.request(to, Buffer.from("x"), 3_000);
      return expect(asking).rejects.toThrow(/lacks the key/);
    }, WAIT);
    expect(a.refused).toEqual([]);
    a.transport.send(to, Buffer.from("ping"));
    await vi.waitFor(
      () => expect(b.transport.counters().refused["unknown-key"]).toBeGreaterThan(1),
      WAIT,
    );
    expect(b.packets).toEqual([]);
  });
});

test("a node that seals with a key the other one lacks gets through with another one they share", async () => {
  const [a, b] = [await node({ keyring: new Keyring([NEXT, KEY]) }), await sealed()];
  const to = b.transport.localAddress;
  await expect(a.transport.request(to, Buffer.from("x"), 3_000)).resolves.toHaveLength(1);
  expect(await a.transport.check(to, 3_000)).toBe("answered");
  a.transport.send(to, Buffer.from("ping"));
  await vi.waitFor(() => expect(b.packets).toEqual(["ping"]), WAIT);
});

describe("a node refuses to start", () => {
  test.each(["0.0.0.0", "10.1.2.3", "::"])("without keys at %s", async (bindAddress) => {
    await expect(node({ bindAddress })).rejects.toThrow(
      /without keys is allowed on loopback only.*BIFROST_GOSSIP_KEYS/,
    );
  });

  test.each(["10.0.0.1", "https://gateway.example", "a b:1"])(
    "advertised as %j",
    async (advertise) => {
      await expect(node({ advertise })).rejects.toThrow(/advertise to host:port, such as/);
    },
  );

  test("at a port that is taken", async () => {
    const a = await node();
    await expect(node({ port: portOf(a) })).rejects.toThrow(
      new RegExp(`cannot listen at TCP ${a.transport.localAddress}.*gossip.port`),
    );
  });
});

test("a node that listens everywhere tells the address it was given", async () => {
  const everywhere = { bindAddress: "0.0.0.0", keyring: new Keyring([KEY]) };
  const told = await node({ ...everywhere, advertise: "gateway-1.example:10101" });
  expect(told.transport.localAddress).toBe("gateway-1.example:10101");
});

test("a node is reached by its name", async () => {
  const [a, b] = [await sealed(), await sealed()];
  const to = `localhost:${portOf(b)}`;
  a.transport.send(to, Buffer.from("ping"));
  await vi.waitFor(() => expect(b.packets).toEqual(["ping"]), WAIT);
});

test("nodes of version 6 reach each other", async () => {
  const [a, b] = [await sealed({ bindAddress: "::1" }), await sealed({ bindAddress: "::1" })];
  expect(b.transport.localAddress).toMatch(/^\[::1\]:\d+$/);
  a.transport.send(b.transport.localAddress, Buffer.from("ping"));
  await vi.waitFor(() => expect(b.packets).toEqual(["ping"]), WAIT);
  expect(await a.transport.check(b.transport.localAddress, 3_000)).toBe("answered");
});

function portOf({ transport }: Node): number {
  return parseHostPort(transport.localAddress)?.port ?? 0;
}
