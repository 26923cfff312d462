import { array, assert, nat, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { ChunkedError, ChunkedScanner, PayloadTooLarge } from "./chunked.ts";

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
    ["a bare CR in an extension", "3;a\rb\r\nabc\r\n"],
    ["NUL in an extension", "3;a\0\r\nabc\r\n"],
    ["a negative size", "-3\r\nabc\r\n"],
    ["a size in quotes", '"3"\r\nabc\r\n'],
    ["a size with an underscore", "1_0\r\nabc\r\n"],
    ["a tab before the size", "\t3\r\nabc\r\n"],
    ["a trailer without a colon", "0\r\nabc\r\n\r\n"],
    ["a trailer with a blank before its colon", "0\r\na : b\r\n\r\n"],
    ["a folded trailer", "0\r\na: b\r\n c\r\n\r\n"],
    ["a bare CR in a trailer", "0\r\na: b\rc: d\r\n\r\n"],
    ["NUL in a trailer", "0\r\na: b\0\r\n\r\n"],
    ["a request in place of trailers", "0\r\nGET / HTTP/1.1\r\n\r\n"],
    ["a length as a trailer", "0\r\nContent-Length: 3\r\n\r\n"],
    ["a coding as a trailer", "0\r\na: b\r\ntransfer-encoding: chunked\r\n\r\n"],
    ["a host as a trailer", "0\r\nHost: a\r\n\r\n"],
    ["a client's address as a trailer", "0\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n"],
    ["the same as CGI spells it", "0\r\nX_Forwarded_For: 1.1.1.1\r\n\r\n"],
  ])("%s", (_name, text) => {
    expect(() => scan(text)).toThrow(ChunkedError);
  });
});

describe("a limit of 10 bytes of payload", () => {
  test.each([
    ["one chunk of 10", "a\r\n0123456789\r\n0\r\n\r\n", false],
    ["ten chunks of 1", `${"1\r\nx\r\n".repeat(10)}0\r\n\r\n`, false],
    ["one chunk of 11", "b\r\n", true],
    ["chunks of 6 and 5", "6\r\n012345\r\n5\r\n", true],
    ["a chunk of terabytes", "ffffffffffff\r\n", true],
  ])("%s", (_name, text, isRefused) => {
    const feed = (): number => new ChunkedScanner(10).feed(Buffer.from(text), 0);
    expect(isTooMuch(feed)).toBe(isRefused);
  });
});

function isTooMuch(feed: () => unknown): boolean {
  try {
    feed();
    return false;
  } catch (error) {
    return error instanceof PayloadTooLarge;
  }
}
