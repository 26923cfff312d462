import * as fc from "fast-check";
import { expect, test } from "vitest";
import { asciiJson, framed } from "./frame.ts";

test("any text is told in ASCII and read back as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const frame = framed(asciiJson([text]));
      expect(frame).toMatch(/^\d+\n[\u0020-\u007e]*$/);
      const json = frame.slice(frame.indexOf("\n") + 1);
      expect(frame.startsWith(`${Buffer.byteLength(json)}\n`)).toBe(true);
      expect(JSON.parse(json)).toEqual([text]);
    }),
  );
});

test.each([
  ["é", "\\u00e9"],
  ["漢", "\\u6f22"],
  ["😀", "\\ud83d\\ude00"],
  ["\u2028", "\\u2028"],
  ["\u007f", "\\u007f"],
])("%s travels as %s", (text, escaped) => {
  expect(asciiJson(text)).toBe(`"${escaped}"`);
});
