import {
  array,
  assert,
  constantFrom,
  integer,
  maxSafeNat,
  oneof,
  property,
  record,
  string,
  stringMatching,
  uint8Array,
} from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodePacket,
  encodeHeader,
  encodeMessage,
  MAX_INCARNATION,
  MAX_MEMBERS,
  MAX_META_BYTES,
} from "./codec.ts";
import type { GossipMessage } from "./message.ts";
import { decodeStream, encodeChannelRequest, encodeSync } from "./stream-codec.ts";
import { ByteWriter } from "./bytes.ts";

const id = stringMatching(/^[A-Za-z0-9._-]{1,16}$/);
const address = stringMatching(/^[\x21-\x7e]{1,20}$/);
const short = string({ maxLength: 20 });
const count = maxSafeNat();
const incarnation = maxSafeNat().map((number) => number % (MAX_INCARNATION + 1));
const evidence = constantFrom("refused", "unreachable", "stalled");
const channel = integer({ min: 0, max: 255 });
const body = uint8Array({ maxLength: 300 });
const meta = record({ region: short, host: short, control: short, version: short, epoch: count });

const message = oneof(
  record({ kind: constantFrom("ping"), seq: count, target: id }),
  record({ kind: constantFrom("ack", "relayed-ack"), seq: count }),
  record({ kind: constantFrom("ping-request"), seq: count, target: id, address }),
  record({ kind: constantFrom("alive"), id, incarnation, address, meta }),
  record({ kind: constantFrom("suspect", "dead"), id, incarnation, evidence, from: id }),
  record({ kind: constantFrom("left"), id, incarnation }),
  record({
    kind: constantFrom("broadcast"),
    origin: id,
    epoch: count,
    number: count,
    channel,
    body,
  }),
  record({ kind: constantFrom("direct"), channel, body }),
);

function packetOf(sender: string, messages: readonly GossipMessage[]): Uint8Array {
  return Buffer.concat([encodeHeader(sender), ...messages.map(encodeMessage)]);
}

describe("a packet", () => {
  it("is read as it was written, whatever it holds", () => {
    assert(
      property(id, array(message, { maxLength: 8 }), (sender, messages) => {
        const packet = packetOf(sender, messages);
        expect(decodePacket(packet)).toEqual({ sender, messages });
      }),
      { numRuns: 500 },
    );
  });

  it("that is cut off or made of anything else is refused or read, never thrown over", () => {
    assert(
      property(uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => [decodePacket(bytes), decodeStream(bytes)]).not.toThrow();
      }),
      { numRuns: 2000 },
    );
    const whole = packetOf("n1", [{ kind: "ping", seq: 300, target: "n2" }]);
    for (let end = 0; end < whole.length; end++) {
      const cut = decodePacket(whole.subarray(0, end));
      expect(cut?.messages ?? []).toEqual([]);
    }
  });

  const told = { region: "", host: "", control: "", version: "", epoch: 1 };
  const alive = {
    kind: "alive",
    id: "n2",
    incarnation: 1,
    address: "10.0.0.2:1",
    meta: told,
  } as const;

  it.each<[string, string, GossipMessage]>([
    ["no name", "", alive],
    ["a name that is none", "a\u001b[2J", alive],
    ["a member without a name", "n1", { ...alive, id: "" }],
    ["a member whose name is two lines", "n1", { ...alive, id: "n2\nn3" }],
    ["a member whose name is not of this alphabet", "n1", { ...alive, id: "knöten" }],
    ["no address", "n1", { ...alive, address: "" }],
    ["an address with a space", "n1", { ...alive, address: "10.0.0.2: 1" }],
    ["a region that clears the screen", "n1", { ...alive, meta: { ...told, region: "\u001bc" } }],
    [
      "metadata that are too large together",
      "n1",
      { ...alive, meta: { ...told, region: "x".repeat(300), host: "x".repeat(300) } },
    ],
    [
      "an incarnation that nobody could top",
      "n1",
      { kind: "dead", id: "n2", incarnation: MAX_INCARNATION + 1, evidence: "refused", from: "n1" },
    ],
  ])("with %s is refused", (_, sender, one) => {
    expect(decodePacket(packetOf(sender, [one]))).toBeNull();
  });

  it("whose text is not UTF-8 is refused: it would be longer when it is passed on", () => {
    const packet = Buffer.from(packetOf("n1", [{ ...alive, meta: { ...told, host: "x~~~x" } }]));
    expect(decodePacket(packet)).not.toBeNull();
    packet.fill(0xff, packet.indexOf("~~~"), packet.indexOf("~~~") + 3);
    expect(decodePacket(packet)).toBeNull();
  });

  it("of another version is refused", () => {
    const packet = packetOf("n1", []);
    packet[0] = 9;
    expect(decodePacket(packet)).toBeNull();
  });

  it("with a ping or its answer is smaller than memberlist's 40 bytes", () => {
    const ping = packetOf("bifrost-10", [{ kind: "ping", seq: 2_000_000, target: "bifrost-11" }]);
    const ack = packetOf("bifrost-11", [{ kind: "ack", seq: 2_000_000 }]);
    expect([ping.length, ack.length]).toEqual([27, 16]);
  });
});

describe("a request over a stream", () => {
  const member = {
    id: "n1",
    address: "10.0.0.1:10101",
    incarnation: 3,
    meta: { region: "eu", host: "h", control: "c:1", version: "1", epoch: 2 ** 40 },
  };

  it("is read as it was written", () => {
    const view = {
      sender: "n1",
      members: [
        { ...member, state: "alive", evidence: null },
        { ...member, id: "n2", state: "dead", evidence: "stalled" },
        { ...member, id: "n3", state: "left", evidence: null },
      ],
    } as const;
    const states = [{ channel: 2, body: Uint8Array.of(1, 2, 3) }];
    expect(decodeStream(encodeSync(view, states))).toEqual({ kind: "sync", view, states });
    const asked = encodeChannelRequest("n1", 5, Uint8Array.of(9));
    expect(decodeStream(asked)).toEqual({
      kind: "channel",
      sender: "n1",
      channel: 5,
      body: Uint8Array.of(9),
    });
  });

  it("that claims more members than may be is refused before room is made for them", () => {
    const claims = new ByteWriter()
      .byte(1)
      .byte(1)
      .text("n1")
      .varint(MAX_MEMBERS + 1);
    expect(decodeStream(claims.bytes())).toBeNull();
  });

  it("with longer metadata than may be is refused", () => {
    const long = { ...member.meta, region: "x".repeat(MAX_META_BYTES + 1) };
    const view = {
      sender: "n1",
      members: [{ ...member, meta: long, state: "alive", evidence: null }],
    } as const;
    expect(decodeStream(encodeSync(view, []))).toBeNull();
  });
});
