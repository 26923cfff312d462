import { array, assert, boolean, constantFrom, property, string, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { parseResponseHead, ResponseHeads, type ResponseHead } from "./parse-response-head.ts";

function parse(text: string, isForHttp10 = false): ResponseHead | null {
  return parseResponseHead(`${text}\r\n\r\n`, isForHttp10);
}

function ok(...lines: readonly string[]): ResponseHead | null {
  return parse(["HTTP/1.1 200 OK", ...lines].join("\r\n"));
}

describe("no answer of HTTP/1 is", () => {
  test.each([
    ["HTTP/0.9, which has no head", "<html>"],
    ["HTTP/2.0", "HTTP/2.0 200 OK"],
    ["HTTP/1.2", "HTTP/1.2 200 OK"],
    ["a version of two digits", "HTTP/1.10 200 OK"],
    ["a lower-case version", "http/1.1 200 OK"],
    ["another protocol", "SSH-2.0-x"],
    ["a request", "GET / HTTP/1.1"],
    ["nothing", ""],
    ["a status of two digits", "HTTP/1.1 20 OK"],
    ["a status of four digits", "HTTP/1.1 2000 OK"],
    ["status 099", "HTTP/1.1 099 OK"],
    ["status 600", "HTTP/1.1 600 OK"],
    ["a status in words", "HTTP/1.1 OK"],
    ["a tab after the version", "HTTP/1.1\t200 OK"],
    ["two blanks after the version", "HTTP/1.1  200 OK"],
    ["a control character in the reason", "HTTP/1.1 200 O\u0001K"],
    ["a bare CR in the reason", "HTTP/1.1 200 OK\rSet-Cookie: a=1"],
    ["a blank before the version", " HTTP/1.1 200 OK"],
  ])("%s", (_name, line) => {
    expect(parse(line)).toBeNull();
  });

  test.each<[string, readonly string[]]>([
    ["two lengths that differ", ["Content-Length: 1", "Content-Length: 2"]],
    ["two lengths that are equal", ["Content-Length: 1", "Content-Length: 1"]],
    ["a list of lengths", ["Content-Length: 1, 1"]],
    ["a signed length", ["Content-Length: +1"]],
    ["a negative length", ["Content-Length: -1"]],
    ["a length in hexadecimal", ["Content-Length: 0x1"]],
    ["a fraction", ["Content-Length: 1.0"]],
    ["an empty length", ["Content-Length: "]],
    ["an endless length", [`Content-Length: ${"9".repeat(16)}`]],
    ["a length behind a no-break space", ["Content-Length: \u00a01"]],
    ["a coding before chunked", ["Transfer-Encoding: gzip, chunked"]],
    ["a coding after chunked", ["Transfer-Encoding: chunked, gzip"]],
    ["chunked twice", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]],
    ["identity", ["Transfer-Encoding: identity"]],
    ["a vertical tab before chunked", ["Transfer-Encoding: \vchunked"]],
    ["an empty coding", ["Transfer-Encoding:"]],
    ["a folded line", ["X-A: 1", " folded"]],
    ["a line folded by a tab", ["X-A: 1", "\tfolded"]],
    ["a bare LF", ["X-A: 1\nX-B: 2"]],
    ["a bare CR", ["X-A: 1\rX-B: 2"]],
    ["a blank before the colon", ["Content-Length : 1"]],
    ["a line without a colon", ["X-A"]],
    ["an empty name", [": 1"]],
    ["NUL in a value", ["X-A: a\0b"]],
    ["a name with a blank", ["X A: 1"]],
  ])("%s", (_name, lines) => {
    expect(ok(...lines)).toBeNull();
  });

  test("chunks of HTTP/1.0", () => {
    expect(parse("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked")).toBeNull();
  });

  test("no text makes the parser throw", () => {
    assert(
      property(string({ unit: "binary", maxLength: 200 }), (text) => {
        parse(text);
        ok(text);
      }),
    );
  });
});

describe("the end of a body", () => {
  test.each<[string, ResponseHead | null, Partial<ResponseHead>]>([
    ["by length", ok("Content-Length: 5"), { contentLength: 5, isChunked: false }],
    ["by chunks", ok("Transfer-Encoding: Chunked"), { contentLength: null, isChunked: true }],
    [
      "by chunks when a length is named too, which goes",
      ok("Content-Length: 5", "Transfer-Encoding: chunked"),
      { isChunked: true, contentLength: null, forwarded: "Transfer-Encoding: chunked\r\n" },
    ],
    ["by close", ok("X-A: 1"), { contentLength: null, isChunked: false }],
    ["with leading zeros", ok("Content-Length: 005"), { contentLength: 5 }],
  ])("%s", (_name, head, expected) => {
    expect(head).toMatchObject(expected);
  });

  test.each([
    [100, ""],
    [103, ""],
    [204, ""],
    [304, "Content-Length: 5\r\n"],
    [205, "Content-Length: 5\r\n"],
  ])("a head of %i goes on with %j of its length", (status, forwarded) => {
    expect(parse(`HTTP/1.1 ${status} X\r\nContent-Length: 5`)?.forwarded).toBe(forwarded);
  });

  test.each([100, 204, 304])("a head of %i goes on without its coding", (status) => {
    expect(parse(`HTTP/1.1 ${status} X\r\nTransfer-Encoding: chunked`)?.forwarded).toBe("");
  });

  test("an HTTP/1.0 client gets no coding and no trailers", () => {
    const head = parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\nA: b", true);
    expect(head?.forwarded).toBe("A: b\r\n");
  });
});

describe("what is passed on", () => {
  test("hop-by-hop fields, nominated ones and our own go, the rest stays as it was", () => {
    const lines = ["Keep-Alive: 5", "Connection: x-a, close", "X-A: 1", "x-bifrost-request-id: 9"];
    expect(ok(...lines, "Set-Cookie: a=1", "set-cookie:b=2 ")?.forwarded).toBe(
      "Set-Cookie: a=1\r\nset-cookie:b=2 \r\n",
    );
  });

  test.each([
    ["HTTP/1.1 200 OK", "200 OK"],
    ["HTTP/1.1 200", "200"],
    ["HTTP/1.1 200 ", "200 "],
    ["HTTP/1.0 404 \u00e9t\u00e9", "404 \u00e9t\u00e9"],
  ])("the status of %j is %j", (line, statusText) => {
    expect(parse(line)?.statusText).toBe(statusText);
  });

  test.each([
    ["HTTP/1.1 200 OK", true],
    ["HTTP/1.1 200 OK\r\nConnection: close", false],
    ["HTTP/1.1 200 OK\r\nConnection: x-close", true],
    ["HTTP/1.0 200 OK", false],
    ["HTTP/1.0 200 OK\r\nConnection: keep-alive", true],
  ])("%j: the connection goes on is %j", (text, keepsAlive) => {
    expect(parse(text)?.keepsAlive).toBe(keepsAlive);
  });
});

test("heads read one after another come out as each of them would alone", () => {
  const text = constantFrom(
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    "HTTP/1.1 2000 Not HTTP\r\n\r\n",
    `HTTP/1.1 200 OK\r\nx: ${"y".repeat(5000)}\r\n\r\n`,
  );
  const body = constantFrom("", "5\r\nhello\r\n", "\r\n\r\n", "x".repeat(5000));
  assert(
    property(array(tuple(text, body, boolean())), (responses) => {
      const heads = new ResponseHeads();
      for (const [head, rest, isForHttp10] of responses) {
        expect(heads.read(head + rest, head.length, isForHttp10)).toEqual(
          parseResponseHead(head, isForHttp10),
        );
      }
    }),
  );
});
