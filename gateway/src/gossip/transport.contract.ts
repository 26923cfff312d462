/** What every transport promises. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { isBifrostError } from "@bifrost/shared/domain/errors";
import type { Address } from "./member.ts";
import type { Transport, TransportHandlers } from "./transport.ts";

const WAIT = { timeout: 10_000, interval: 5 };

export interface TransportWorld {
  /** Not started yet. */
  transport(): Promise<Transport>;
  /** At an address that a node had before. */
  transportAt(address: Address): Promise<Transport>;
  /** Its program is gone, its host answers. */
  crash(transport: Transport): Promise<void>;
  /** An address whose kernel accepts, with no program that answers. */
  frozenAddress(): Promise<Address>;
  /** An address at which nothing listens. */
  freeAddress(): Promise<Address>;
  close(): Promise<void>;
}

class Recorder implements TransportHandlers {
  readonly packets: { readonly from: Address; readonly text: string }[] = [];
  readonly requests: { readonly from: Address; readonly bytes: number }[] = [];
  readonly refused: Address[] = [];
  readonly doubted: Address[] = [];
  answer: (from: Address, body: Uint8Array) => Promise<Uint8Array> = async (_, body) => body;

  onPacket(from: Address, packet: Uint8Array): void {
    this.packets.push({ from, text: Buffer.from(packet).toString() });
  }
  onRequest(from: Address, body: Uint8Array): Promise<Uint8Array> {
    this.requests.push({ from, bytes: body.length });
    return this.answer(from, body);
  }
  onRefused(address: Address): void {
    this.refused.push(address);
  }
  onDoubt(address: Address): void {
    this.doubted.push(address);
  }
}

function isNoAnswer(error: unknown): boolean {
  return isBifrostError(error, "upstream-unavailable");
}

/** A request goes over the link once there is one. */
async function linked(transport: Transport, address: Address): Promise<void> {
  await transport.request(address, Buffer.from("linked?"), 10_000);
}

export function transportSuite(name: string, makeWorld: () => Promise<TransportWorld>): void {
  describe(name, () => {
    const started: Transport[] = [];
    let world: TransportWorld;

    async function node(): Promise<{ transport: Transport; heard: Recorder }> {
      const transport = await world.transport();
      const heard = new Recorder();
      await transport.start(heard);
      started.push(transport);
      return { transport, heard };
    }

    async function two() {
      world = await makeWorld();
      return { a: await node(), b: await node() };
    }

    afterEach(async () => {
      await Promise.all(started.splice(0).map((transport) => transport.stop()));
      await world.close();
    });

    test("a packet arrives, and its sender can be answered at the address it came from", async () => {
      const { a, b } = await two();
      b.heard.onPacket = (from, packet) => b.transport.send(from, packet);
      a.transport.send(b.transport.localAddress, Buffer.from("ping"));
      await vi.waitFor(() => expect(a.heard.packets).toHaveLength(1), WAIT);
      expect(a.heard.packets).toEqual([{ from: b.transport.localAddress, text: "ping" }]);
    });

    test("many packets in both directions arrive once each", async () => {
      const { a, b } = await two();
      const bursts = Array.from({ length: 10 }, (_, burst) =>
        Array.from({ length: 20 }, (__, at) => `packet ${burst * 20 + at}`),
      );
      const texts = bursts.flat();
      // As many at once as a cluster sends, not as a socket can lose.
      for (const [burst, packets] of bursts.entries()) {
        for (const text of packets) {
          a.transport.send(b.transport.localAddress, Buffer.from(text));
          b.transport.send(a.transport.localAddress, Buffer.from(text));
        }
        const sofar = (burst + 1) * packets.length;
        await vi.waitFor(() => expect(b.heard.packets).toHaveLength(sofar), WAIT);
      }
      await vi.waitFor(() => expect(a.heard.packets).toHaveLength(texts.length), WAIT);
      expect(a.heard.packets.map(({ text }) => text).toSorted()).toEqual(texts.toSorted());
      expect(b.heard.packets.map(({ text }) => text).toSorted()).toEqual(texts.toSorted());
    });

    test("a packet is sent as it was when send was called", async () => {
      const { a, b } = await two();
      const packet = Buffer.from("before");
      a.transport.send(b.transport.localAddress, packet);
      packet.write("after!");
      await vi.waitFor(() => expect(b.heard.packets).toHaveLength(1), WAIT);
      expect(b.heard.packets[0]?.text).toBe("before");
    });

    test("the largest packet arrives, a larger one is counted and not sent", async () => {
      const { a, b } = await two();
      const { maxPacketBytes } = a.transport;
      a.transport.send(b.transport.localAddress, Buffer.alloc(maxPacketBytes + 1, "y"));
      a.transport.send(b.transport.localAddress, Buffer.alloc(maxPacketBytes, "x"));
      await vi.waitFor(() => expect(b.heard.packets).toHaveLength(1), WAIT);
      expect(b.heard.packets[0]?.text).toBe("x".repeat(maxPacketBytes));
      expect(a.transport.counters().refused["too-large"]).toBe(1);
    });

    test.each(["", "nonsense", "127.0.0.1", "127.0.0.1:0", "[::1:5", "a:b:1", "http://"])(
      "sending to %j is lost without an error",
      async (address) => {
        const { a } = await two();
        a.transport.send(address, Buffer.from("ping"));
        const asking = a.transport.request(address, Buffer.from("x"), 500);
        await expect(asking).rejects.toSatisfy(isNoAnswer);
      },
    );

    test("a request is answered, and tells who asks", async () => {
      const { a, b } = await two();
      b.heard.answer = async (from, body) =>
        Buffer.from(`${from} said ${Buffer.from(body).toString()}`);
      const answer = await a.transport.request(b.transport.localAddress, Buffer.from("hi"), 5_000);
      expect(Buffer.from(answer).toString()).toBe(`${a.transport.localAddress} said hi`);
    });

    test.each([0, 1, 32_763, 32_768, 65_536, 1_000_000, 4 * 1024 * 1024])(
      "a request of %i bytes and its answer arrive whole",
      async (bytes) => {
        const { a, b } = await two();
        const body = Buffer.alloc(bytes);
        for (let at = 0; at < bytes; at += 997) body[at] = at % 251;
        const answer = await a.transport.request(b.transport.localAddress, body, 20_000);
        expect(Buffer.from(answer).equals(body)).toBe(true);
      },
    );

    test("a request over the limit is refused before it is sent", async () => {
      const { a, b } = await two();
      const body = Buffer.alloc(a.transport.maxRequestBytes + 1);
      const asking = a.transport.request(b.transport.localAddress, body, 5_000);
      await expect(asking).rejects.toSatisfy((error) => isBifrostError(error, "body-too-large"));
      expect(b.heard.requests).toEqual([]);
    });

    test("many requests at once get the answer of their own", async () => {
      const { a, b } = await two();
      const bodies = Array.from({ length: 300 }, (_, at) => Buffer.from(`request ${at}`));
      const answers = await Promise.all(
        bodies.map((body) => a.transport.request(b.transport.localAddress, body, 10_000)),
      );
      expect(answers.map((answer) => Buffer.from(answer).toString())).toEqual(bodies.map(String));
    });

    test("a request that is not answered in time is rejected", async () => {
      const { a, b } = await two();
      b.heard.answer = () => new Promise(() => {});
      const asking = a.transport.request(b.transport.localAddress, Buffer.from("x"), 200);
      await expect(asking).rejects.toSatisfy(isNoAnswer);
    });

    test("a request whose handler fails is rejected at once, without its reason", async () => {
      const { a, b } = await two();
      b.heard.answer = async () => {
        throw new Error("secret reason");
      };
      const asking = a.transport.request(b.transport.localAddress, Buffer.from("x"), 30_000);
      await expect(asking).rejects.toSatisfy(
        (error) =>
          isBifrostError(error, "upstream-unavailable") && !error.message.includes("secret"),
      );
    });

    test("checks tell a node that answers from one that is gone and one that is frozen", async () => {
      const { a, b } = await two();
      const gone = await node();
      await world.crash(gone.transport);
      await expect(a.transport.check(b.transport.localAddress, 5_000)).resolves.toBe("answered");
      await expect(a.transport.check(gone.transport.localAddress, 5_000)).resolves.toBe("refused");
      await expect(a.transport.check(await world.freeAddress(), 5_000)).resolves.toBe("refused");
      await expect(a.transport.check(await world.frozenAddress(), 300)).resolves.toBe("stalled");
    });

    test("a request to a node that is gone is rejected long before its time", async () => {
      const { a } = await two();
      const asking = a.transport.request(await world.freeAddress(), Buffer.from("x"), 30_000);
      await expect(asking).rejects.toSatisfy(isNoAnswer);
    });

    test("a node that comes back at its address is reached again", async () => {
      const { a, b } = await two();
      const to = b.transport.localAddress;
      a.transport.send(to, Buffer.from("one"));
      await vi.waitFor(() => expect(b.heard.packets).toHaveLength(1), WAIT);
      await world.crash(b.transport);
      const again = await revive(to);
      await vi.waitFor(() => {
        a.transport.send(to, Buffer.from("two"));
        expect(again.packets.length).toBeGreaterThan(0);
      }, WAIT);
      const answer = await a.transport.request(to, Buffer.from("x"), 5_000);
      expect(Buffer.from(answer).toString()).toBe("x");
    });

    async function revive(address: Address): Promise<Recorder> {
      const transport = await world.transportAt(address);
      const heard = new Recorder();
      await transport.start(heard);
      started.push(transport);
      return heard;
    }

    describe("links", () => {
      test("the end of a linked node is told by all that are linked to it, once", async () => {
        const { a, b } = await two();
        const gone = await node();
        const address = gone.transport.localAddress;
        for (const { transport } of [a, b]) transport.link([address]);
        await Promise.all([a, b].map(({ transport }) => linked(transport, address)));
        await world.crash(gone.transport);
        await vi.waitFor(() => {
          expect([a.heard.refused, b.heard.refused]).toEqual([[address], [address]]);
        }, WAIT);
        expect([...a.heard.doubted, ...b.heard.doubted]).toEqual([]);
      });

      test("a link that was given up says nothing", async () => {
        const { a, b } = await two();
        const gone = await node();
        const { localAddress } = gone.transport;
        a.transport.link([localAddress, b.transport.localAddress]);
        await linked(a.transport, localAddress);
        await linked(a.transport, b.transport.localAddress);
        a.transport.link([b.transport.localAddress]);
        await world.crash(gone.transport);
        await world.crash(b.transport);
        await vi.waitFor(() => expect(a.heard.refused).toEqual([b.transport.localAddress]), WAIT);
      });
    });

    test("a stopped transport sends nothing, and stops twice", async () => {
      const { a, b } = await two();
      await a.transport.stop();
      await a.transport.stop();
      a.transport.send(b.transport.localAddress, Buffer.from("late"));
      const asking = a.transport.request(b.transport.localAddress, Buffer.from("x"), 500);
      await expect(asking).rejects.toSatisfy(isNoAnswer);
      expect(b.heard.packets).toEqual([]);
    });

    test("what goes over is counted", async () => {
      const { a, b } = await two();
      a.transport.send(b.transport.localAddress, Buffer.from("ping"));
      await vi.waitFor(() => expect(b.heard.packets).toHaveLength(1), WAIT);
      const [sent, received] = [a.transport.counters(), b.transport.counters()];
      expect(sent.packetsSent).toBeGreaterThan(0);
      expect(sent.packetBytesSent).toBeGreaterThanOrEqual(4);
      expect(received.packetsReceived).toBeGreaterThan(0);
      expect(received.packetBytesReceived).toBeGreaterThanOrEqual(4);
      expect(sent.refused).toEqual({});
    });
  });
}
