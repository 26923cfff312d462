import { array, assert, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { joinPackets, splitPackets } from "./packet-batch.ts";

test("packets come out of a batch as they went in", () => {
  assert(
    property(array(uint8Array({ maxLength: 100 })), (packets) => {
      const split = splitPackets(joinPackets(packets), 100);
      expect(split?.map((packet) => Uint8Array.from(packet))).toEqual(packets);
    }),
  );
});

test("arbitrary bytes never throw and never come to more than they are", () => {
  assert(
    property(uint8Array({ maxLength: 300 }), (bytes) => {
      const packets = splitPackets(Buffer.from(bytes), 100) ?? [];
      const sum = packets.reduce((total, packet) => total + 2 + packet.length, 0);
      expect([0, bytes.length]).toContain(sum);
    }),
  );
});

test.each([
  ["half a length", Buffer.of(0)],
  ["less than its length", Buffer.of(0, 2, 1)],
  ["a packet over the limit", Buffer.concat([Buffer.of(0, 101), Buffer.alloc(101)])],
])("%s is refused", (_, body) => {
  expect(splitPackets(body, 100)).toBe(null);
});
