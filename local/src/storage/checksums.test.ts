import { CRC32C } from "@google-cloud/storage";
import { assert, integer, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "./checksums.ts";

test("the check value of CRC-32C is right", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
});

test("any data, cut anywhere, has the checksum that Google's client computes", () => {
  assert(
    property(uint8Array({ maxLength: 300 }), integer({ min: 0, max: 300 }), (data, cut) => {
      const google = new CRC32C();
      google.update(Buffer.from(data));
      const ours = crc32c(data.subarray(cut), crc32c(data.subarray(0, cut)));
      const word = Buffer.alloc(4);
      word.writeUInt32BE(ours);
      expect(word.toString("base64")).toBe(google.toString());
    }),
  );
});
