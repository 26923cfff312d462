import { randomBytes } from "node:crypto";
import { array, assert, nat, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { Keyring } from "../keyring.ts";
import { FRAME, NOBODY, readSealedHeader } from "./frame.ts";
import { plainPackets, SealedPackets, type PacketGuard } from "./packet-guard.ts";

const KEYS = [
  { id: 3, key: randomBytes(32) },
  { id: 200, key: randomBytes(32) },
];

function guardOf(label = "one", keys = KEYS) {
  const keyring = new Keyring(keys);
  return { keyring, guard: new SealedPackets(keyring, label) };
}

/** What others bind their packets to. */
function startOf(guard: PacketGuard): Buffer {
  const header = readSealedHeader(guard.seal(FRAME.hello, NOBODY, Buffer.from("")));
  if (header === null) throw new Error("not a sealed frame");
  return Buffer.from(header.start);
}

function send(from: PacketGuard, to: PacketGuard, text = "ping"): Buffer {
  return from.seal(FRAME.data, startOf(to), Buffer.from(text));
}

test("whatever is sent arrives as it was, at 32 bytes more", () => {
  const { guard: a } = guardOf();
  const { guard: b } = guardOf();
  const receiver = startOf(b);
  assert(
    property(uint8Array({ maxLength: 1368 }), (payload) => {
      const frame = a.seal(FRAME.data, receiver, payload);
      expect(frame).toHaveLength(payload.length + 32);
      expect(b.open(frame)).toMatchObject({ payload: Buffer.from(payload), start: startOf(a) });
    }),
  );
});

test("in any order, with any repetitions, each packet is opened once", () => {
  assert(
    property(array(nat(60), { minLength: 1, maxLength: 200 }), (order) => {
      const { guard: a } = guardOf();
      const { guard: b } = guardOf();
      const receiver = startOf(b);
      const frames = Array.from({ length: 61 }, (_, at) =>
        a.seal(FRAME.data, receiver, Buffer.of(at)),
      );
      const opened = order
        .map((at) => b.open(frames[at] ?? Buffer.alloc(0)))
        .filter((result) => typeof result !== "string");
      expect(opened.map(({ payload }) => payload[0])).toEqual([...new Set(order)]);
    }),
    { numRuns: 60 },
  );
});

test("a packet with any byte altered, or cut anywhere, is not opened, and the true one still is", () => {
  const { guard: a } = guardOf();
  const { guard: b } = guardOf();
  assert(
    property(nat(10_000), nat(254), (where, by) => {
      const frame = send(a, b, "what one node says to another");
      const altered = Buffer.from(frame);
      const at = where % frame.length;
      altered[at] = ((altered[at] ?? 0) + 1 + by) % 256;
      expect(b.open(altered)).toBeTypeOf("string");
      expect(b.open(frame.subarray(0, at))).toBeTypeOf("string");
      expect(b.open(frame)).toMatchObject({ kind: FRAME.data });
    }),
    { numRuns: 300 },
  );
});

test("arbitrary bytes are refused without an error", () => {
  const { guard } = guardOf();
  const plain = plainPackets("one");
  assert(
    property(uint8Array({ maxLength: 200 }), (bytes) => {
      expect(guard.open(Buffer.from(bytes))).toBeTypeOf("string");
      const known = bytes[0] === undefined || bytes[0] < 0xb0 || bytes[0] > 0xb2;
      expect(!known || typeof plain.open(Buffer.from(bytes)) === "string").toBe(true);
    }),
  );
});

describe("a packet is refused", () => {
  test("when it is of another cluster with the same keys", () => {
    const { guard: b } = guardOf();
    expect(b.open(send(guardOf("two").guard, b))).toBe("not-opened");
  });

  test("when its key is not known here", () => {
    const { guard: b } = guardOf();
    const stranger = guardOf("one", [{ id: 9, key: randomBytes(32) }]).guard;
    expect(b.open(send(stranger, b))).toBe("unknown-key");
  });

  test("when another key has its number", () => {
    const { guard: b } = guardOf();
    const stranger = guardOf("one", [{ id: 3, key: randomBytes(32) }]).guard;
    expect(b.open(send(stranger, b))).toBe("not-opened");
  });

  test("when its key was removed after others of the same sender were opened", () => {
    const { guard: a } = guardOf();
    const { guard: b, keyring } = guardOf();
    expect(b.open(send(a, b))).toMatchObject({ kind: FRAME.data });
    keyring.use(200);
    keyring.remove(3);
    expect(b.open(send(a, b))).toBe("unknown-key");
  });

  test("when it is not sealed", () => {
    const { guard: b } = guardOf();
    const frame = plainPackets("one").seal(FRAME.data, NOBODY, Buffer.from("x"));
    expect(b.open(frame)).toBe("not-sealed");
    expect(plainPackets("two").open(frame)).toBe("other-cluster");
  });

  test("by the process started in place of the one it was sent to", () => {
    const { guard: a } = guardOf();
    const { guard: b } = guardOf();
    const frame = send(a, b);
    expect(b.open(frame)).toMatchObject({ kind: FRAME.data });
    expect(guardOf().guard.open(frame)).toBe("not-opened");
  });

  test("by every other node than the one it was sent to", () => {
    const { guard: a } = guardOf();
    const { guard: b } = guardOf();
    const { guard: c } = guardOf();
    const frame = send(a, b);
    expect(c.open(frame)).toBe("not-opened");
    expect(a.open(frame)).toBe("not-opened");
  });
});

test("packets sealed with either key are opened while both are installed", () => {
  const { guard: a, keyring } = guardOf();
  const { guard: b } = guardOf();
  expect(b.open(send(a, b, "old"))).toMatchObject({ payload: Buffer.from("old") });
  keyring.use(200);
  expect(b.open(send(a, b, "new"))).toMatchObject({ payload: Buffer.from("new") });
});
