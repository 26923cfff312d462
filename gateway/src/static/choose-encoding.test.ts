import { expect, test } from "vitest";
import { chooseEncoding } from "./choose-encoding.ts";

const BOTH = { br: 10, gzip: 20 };

test.each([
  [undefined, null],
  ["", null],
  ["identity", null],
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["br", "br"],
  ["BR", "br"],
  ["gzip, deflate, br", "br"],
  ["gzip, deflate, br, zstd", "br"],
  ["br;q=0.5, gzip", "gzip"],
  ["br;q=0.5, gzip;q=0.5", "br"],
  ["br;q=0, gzip;q=0", null],
  ["br ; q=0.001 , gzip;q=0", "br"],
  ["*", "br"],
  ["*;q=0.1", "br"],
  ["*, br;q=0", "gzip"],
  ["*;q=0", null],
  ["identity;q=0", null],
  ["identity;q=1, *;q=0", null],
  ["identity;q=0.5, gzip;q=0.4", null],
  ["identity, gzip", "gzip"],
  ["deflate", null],
  ["br;q=nonsense, gzip", "gzip"],
  ["gzip;q=2", null],
  [",, gzip ,", "gzip"],
])("Accept-Encoding: %s gets %s", (accepted, expected) => {
  expect(chooseEncoding(accepted, BOTH)).toBe(expected);
});

test("what is not stored is not chosen", () => {
  expect(chooseEncoding("br, gzip", {})).toBeNull();
  expect(chooseEncoding("br, gzip;q=0.1", { gzip: 1 })).toBe("gzip");
});
