import { deflateRawSync } from "node:zlib";
import { array, assert, integer, nat, property, record, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { FIRST_BIN, LAST_BIN } from "./latency.ts";
import { decodeReports, encodeReports } from "./traffic-codec.ts";

const routes = array(
  record({
    route: string({ maxLength: 256 }),
    requests: nat(),
    errors: nat(),
    latency: array(
      record({ bin: integer({ min: FIRST_BIN, max: LAST_BIN }), count: integer({ min: 1 }) }),
    ).map((pairs) => new Map(pairs.map(({ bin, count }) => [bin, count]))),
  }),
  { maxLength: 20 },
);
const reports = array(
  record({ node: string({ maxLength: 64 }), epoch: nat(), slot: nat(), ageMs: nat(), routes }),
  { maxLength: 5 },
);

test("reports come back as they were", () => {
  assert(
    property(reports, (sent) => {
      expect(decodeReports(encodeReports(sent))).toEqual(sent);
    }),
  );
});

test("what is no message is refused, whatever it is", () => {
  assert(
    property(uint8Array({ maxLength: 400 }), (bytes) => {
      expect([null, 0]).toContain(decodeReports(bytes)?.length ?? null);
    }),
  );
});

function message(value: unknown): Uint8Array {
  return Buffer.concat([Buffer.of(1), deflateRawSync(JSON.stringify(value))]);
}

test.each([
  ["another version", Buffer.concat([Buffer.of(2), deflateRawSync("[]")])],
  ["more than a message may become", message("x".repeat(5_000_000))],
  ["a negative count", message([["a", 1, 1, 0, [["x/", -1, 0, []]]]])],
  ["half a bin", message([["a", 1, 1, 0, [["x/", 1, 0, [5]]]]])],
  ["a long name", message([["a", 1, 1, 0, [["x".repeat(257), 1, 0, []]]]])],
  [
    "more routes than a node tells",
    message([["a", 1, 1, 0, Array.from({ length: 257 }, () => ["x/", 1, 0, []])]]),
  ],
])("%s is refused", (_, body) => {
  expect(decodeReports(body)).toBeNull();
});

test("bins where no duration can be are left out", () => {
  const body = message([["a", 1, 1, 0, [["x/", 1, 0, [LAST_BIN + 1, 5, -1, 2]]]]]);
  expect(decodeReports(body)?.[0]?.routes[0]?.latency).toEqual(new Map([[LAST_BIN, 2]]));
});

test("a route with the latencies of a minute fits one packet", () => {
  const latency = new Map<number, number>();
  // A spread over three decades, as few apps have it.
  for (let bin = 0; bin < 345; bin++)
    latency.set(bin, 1 + Math.round(500 / (1 + (bin - 170) ** 2)));
  const tally = { route: "shop.example/api", requests: 3000, errors: 2, latency };
  const body = encodeReports([{ node: "node-1", epoch: 1, slot: 3, ageMs: 9000, routes: [tally] }]);
  expect(body.length).toBeLessThan(1200);
});
