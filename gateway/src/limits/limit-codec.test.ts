import {
  array,
  assert,
  constantFrom,
  double,
  integer,
  property,
  record,
  uint8Array,
} from "fast-check";
import { expect, test } from "vitest";
import { MalformedBytes } from "../gossip/bytes.ts";
import {
  COUNT_BYTES,
  decodeClaims,
  decodeGrants,
  decodePacket,
  decodeRequest,
  encodeClaims,
  encodeGrants,
  encodePacket,
  encodeRequest,
  HEAD_BYTES,
  type LimitPacket,
  type LimitRequest,
} from "./limit-codec.ts";

const hash = uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) =>
  Buffer.from(bytes).toString("latin1"),
);
/** As 32-bit floats carry it. */
const limit = record({
  rate: double({ min: 0.001, max: 1e9, noNaN: true }).map(Math.fround),
  burst: double({ min: 1, max: 1e9, noNaN: true }).map(Math.fround),
});
const natural = integer({ min: 0, max: 2 ** 31 - 1 });
const total = record({ hash, limit, birth: natural, spent: natural, asked: natural }).map(
  ({ limit: of, ...rest }) => ({ ...rest, ...of }),
);

test("packets come out as they went in, and counts fit their bounds", () => {
  assert(
    property(array(total, { maxLength: 20 }), natural, (totals, clock) => {
      const packets: LimitPacket[] = [
        { kind: "counts", starts: [{ node: "node-1", epoch: 2 ** 32 - 1, clock, totals }] },
        { kind: "poll", at: clock },
        { kind: "vote", at: clock },
        {
          kind: "lent",
          keys: totals.map(({ hash: of, rate, burst }) => ({ hash: of, rate, burst })),
        },
      ];
      for (const packet of packets) {
        const bytes = encodePacket(packet);
        expect(decodePacket(bytes)).toEqual(packet);
        expect(bytes.length).toBeLessThanOrEqual(HEAD_BYTES + totals.length * COUNT_BYTES);
      }
    }),
  );
});

test("requests and their answers come out as they went in", () => {
  const ask = record({
    hash,
    limit,
    plane: natural,
    want: natural,
    have: natural,
    back: natural,
  }).map(({ limit: of, ...rest }) => ({ ...rest, ...of }));
  const granted = constantFrom(null, { granted: 3, waitMs: 0 }, { granted: 0, waitMs: 1500 });
  const claimed = constantFrom("lent" as const, "unknown" as const, { level: 2.125 });
  assert(
    property(array(ask), array(granted), array(claimed), (asks, grants, claims) => {
      const requests: LimitRequest[] = [
        { kind: "ask", asks },
        { kind: "claim", keys: asks.map((one) => one.hash) },
        {
          kind: "hand-over",
          accounts: asks.map(({ hash: of, rate, burst }) => ({
            hash: of,
            rate,
            burst,
            level: 1.5,
          })),
        },
      ];
      for (const request of requests)
        expect(decodeRequest(encodeRequest(request))).toEqual(request);
      expect(decodeGrants(encodeGrants(grants))).toEqual(grants);
      expect(decodeClaims(encodeClaims(claims))).toEqual(claims);
    }),
  );
});

test("anything else is refused as malformed, and never believed about its length", () => {
  assert(
    property(uint8Array({ maxLength: 200 }), (bytes) => {
      for (const decode of [decodePacket, decodeRequest, decodeGrants, decodeClaims]) {
        expect(refusal(() => decode(bytes))).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
  expect(() => decodeRequest(Buffer.from([5, 0xff, 0xff, 0xff, 0x7f]))).toThrow(MalformedBytes);
});

/** Whether it decodes, or is refused as it should be. */
function refusal(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    return error instanceof MalformedBytes;
  }
}
