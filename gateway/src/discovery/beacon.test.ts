import { assert, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { encodeBeacon, readBeacon } from "./beacon.ts";

const BEACON = { kind: "hello", service: "bifrost-cluster", node: "a-1", port: 10101 } as const;

test("a beacon is read as it was written", () => {
  expect(readBeacon(encodeBeacon(BEACON))).toMatchObject(BEACON);
});

test.each([
  ["another kind", { ...BEACON, kind: "shout" }],
  ["a port that is none", { ...BEACON, port: 0 }],
  ["a name with spaces", { ...BEACON, node: "a b" }],
  ["a name that is too long", { ...BEACON, node: "a".repeat(65) }],
  ["no service", { ...BEACON, service: undefined }],
])("%s is no beacon", (_what, beacon) => {
  expect(readBeacon(Buffer.from(JSON.stringify({ bifrost: 1, ...beacon })))).toBeNull();
});

test("neither is what another program sends, or what is too long", () => {
  expect(readBeacon(Buffer.from(JSON.stringify(BEACON)))).toBeNull();
  expect(readBeacon(Buffer.concat([encodeBeacon(BEACON), Buffer.alloc(512, " ")]))).toBeNull();
});

test("no packet makes it throw", () => {
  assert(
    property(uint8Array(), (bytes) => {
      expect(readBeacon(Buffer.from(bytes))).toBeNull();
    }),
  );
});
