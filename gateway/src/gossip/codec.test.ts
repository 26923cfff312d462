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
  uint8Array,
} from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePacket, encodeHeader, encodeMessage, MAX_META_BYTES } from "./codec.ts";
import type { GossipMessage } from "./message.ts";
import { decodeStream, encodeChannelRequest, encodeSync, MAX_MEMBERS } from "./stream-codec.ts";
import { ByteWriter } from "./bytes.ts";

const id = string({ minLength: 1, maxLength: 16 });
const short = string({ maxLength: 20 });
const count = maxSafeNat();
const evidence = constantFrom("refused", "unreachable", "stalled");
const channel = integer({ min: 0, max: 255 });
const body = uint8Array({ maxLength: 300 });
const meta = record({ region: short, host: short, control: short, version: short, epoch: count });

const message = oneof(
  record({ kind: constantFrom("ping"), seq: count, target: id }),
  record({ kind: constantFrom("ack", "relayed-ack"), seq: count }),
  record({ kind: constantFrom("ping-request"), seq: count, target: id, address: short }),
  record({ kind: constantFrom("alive"), id, incarnation: count, address: short, meta }),
  record({ kind: constantFrom("suspect", "dead"), id, incarnation: count, evidence, from: id }),
  record({ kind: constantFrom("left"), id, incarnation: count }),
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
