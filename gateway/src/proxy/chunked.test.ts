import { array, assert, nat, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { ChunkedError, ChunkedScanner } from "./chunked.ts";

/** Feeds `text` in parts of the given sizes (the last one repeats); answers payload and end. */
function scan(text: string, sizes: readonly number[] = [text.length]) {
  const scanner = new ChunkedScanner();
  const all = Buffer.from(text, "latin1");
  let payload = "";
  for (let at = 0, part = 0; at < all.length; part++) {
    const size = Math.max(1, sizes[Math.min(part, sizes.length - 1)] ?? 1);
    const end = scanner.feed(all.subarray(at, at + size), 0, (data) => {
      payload += data.toString("latin1");
    });
    if (end >= 0) return { payload, end: at + end };
    at += size;
  }
  return { payload, end: -1 };
}

test("however the bytes are cut, payload and end are the same", () => {
  assert(
    property(array(uint8Array({ minLength: 1, maxLength: 40 })), array(nat(9)), (chunks, sizes) => {
      const payload = chunks.map((chunk) => Buffer.from(chunk).toString("latin1"));
      const framed = payload.map((chunk) => `${chunk.length.toString(16)};x="y"\r\n${chunk}\r\n`);
      const text = `${framed.join("")}0\r\nTrailer: 1\r\n\r\n`;
      expect(scan(`${text}GET /`, sizes)).toEqual({ payload: payload.join(""), end: text.length });
    }),
  );
});

describe("broken framing is refused", () => {
  test.each([
    ["no size", "\r\n"],
    ["a signed size", "+3\r\nabc\r\n"],
    ["a prefixed size", "0x3\r\nabc\r\n"],
    ["a blank after the size", "3 \r\nabc\r\n"],
    ["a size ended by LF", "3\nabc\r\n"],
    ["a bare LF in an extension", "3;a\nb\r\nabc\r\n"],
    ["data longer than its size", "3\r\nabcd\r\n"],
    ["data ended by LF", "3\r\nabc\n"],
    ["a size of 13 digits", "1000000000000\r\n"],
    ["an endless extension", `3;${"a".repeat(5000)}`],
    ["endless trailers", `0\r\n${"a: b\r\n".repeat(3000)}`],
    ["a trailer ended by LF", "0\r\na: b\n\r\n"],
    ["an end of LF", "0\r\n\n"],
  ])("%s", (_name, text) => {
    expect(() => scan(text)).toThrow(ChunkedError);
  });
});
