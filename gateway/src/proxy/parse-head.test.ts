import { assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { hostNameOf, isHeadError, parseRequestHead, type RequestHead } from "./parse-head.ts";

function headOf(lines: readonly string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function accepted(...lines: string[]): RequestHead {
  const head = parseRequestHead(headOf(lines));
  if (isHeadError(head)) throw new Error(head.problem);
  return head;
}

function closed(connection: string): boolean {
  return accepted("GET / HTTP/1.1", "Host: a", `Connection: ${connection}`).wantsClose;
}

function upgrade(connection: string, protocol: string): string | null {
  const lines = ["Host: a", `Connection: ${connection}`, `Upgrade: ${protocol}`];
  return accepted("GET / HTTP/1.1", ...lines).upgrade;
}

describe("what two parsers could read differently is refused", () => {
  test.each<[string, readonly string[], number]>([
    [
      "Content-Length with Transfer-Encoding",
      ["Content-Length: 3", "Transfer-Encoding: chunked"],
      400,
    ],
    [
      "Transfer-Encoding with Content-Length",
      ["Transfer-Encoding: chunked", "Content-Length: 3"],
      400,
    ],
    ["two Content-Length", ["Content-Length: 3", "Content-Length: 4"], 400],
    ["two equal Content-Length", ["Content-Length: 3", "Content-Length: 3"], 400],
    ["a list of Content-Length", ["Content-Length: 3, 3"], 400],
    ["a signed Content-Length", ["Content-Length: +5"], 400],
    ["a negative Content-Length", ["Content-Length: -5"], 400],
    ["a hexadecimal Content-Length", ["Content-Length: 0x5"], 400],
    ["an empty Content-Length", ["Content-Length:"], 400],
    ["an endless Content-Length", [`Content-Length: ${"9".repeat(16)}`], 400],
    ["a second coding", ["Transfer-Encoding: gzip, chunked"], 400],
    ["chunked twice", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], 400],
    ["an unknown coding", ["Transfer-Encoding: xchunked"], 400],
    ["identity", ["Transfer-Encoding: identity"], 400],
    ["a vertical tab before chunked", ["Transfer-Encoding: \vchunked"], 400],
    ["a no-break space before chunked", ["Transfer-Encoding: \u00a0chunked"], 400],
    ["a no-break space after Content-Length", ["Content-Length: 3\u00a0"], 400],
    ["a space before the colon", ["Transfer-Encoding : chunked"], 400],
    ["a folded line", ["X-A: 1", " folded"], 400],
    ["a bare LF", ["X-A: 1\nX-B: 2"], 400],
    ["a bare CR", ["X-A: 1\rX-B: 2"], 400],
    ["NUL in a value", ["X-A: a\0b"], 400],
    ["NUL in a name", ["X\0A: b"], 400],
    ["a line without a colon", ["X-A"], 400],
    ["an empty name", [": x"], 400],
    ["two Host", ["Host: b"], 400],
    ["201 header lines", Array.from({ length: 200 }, () => "a: b"), 431],
  ])("%s", (_name, lines, status) => {
    const head = parseRequestHead(headOf(["POST / HTTP/1.1", "Host: a", ...lines]));
    expect(head).toMatchObject({ status });
  });

  test.each([
    ["no Host", "GET / HTTP/1.1", 400],
    ["a blank too many", "GET  / HTTP/1.1\r\nHost: a", 400],
    ["no target", "GET HTTP/1.1\r\nHost: a", 400],
    ["no version", "GET /\r\nHost: a", 400],
    ["a tab", "GET\t/ HTTP/1.1\r\nHost: a", 400],
    ["a lower-case version", "GET / http/1.1\r\nHost: a", 400],
    ["a method that is no token", "GE(T / HTTP/1.1\r\nHost: a", 400],
    ["a control character in the target", "GET /\u0001 HTTP/1.1\r\nHost: a", 400],
    ["an asterisk for GET", "GET * HTTP/1.1\r\nHost: a", 400],
    ["a relative target", "GET a/b HTTP/1.1\r\nHost: a", 400],
    ["another scheme", "GET https://a/ HTTP/1.1\r\nHost: a", 400],
    ["a user in the target", "GET http://u@a/ HTTP/1.1\r\nHost: a", 400],
    ["a blank in Host", "GET / HTTP/1.1\r\nHost: a b", 400],
    ["a path in Host", "GET / HTTP/1.1\r\nHost: a/b", 400],
    ["an empty Host", "GET / HTTP/1.1\r\nHost:", 400],
    ["chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked", 400],
    ["CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a", 501],
    ["HTTP/2.0", "PRI * HTTP/2.0\r\nHost: a", 505],
  ])("%s", (_name, text, status) => {
    expect(parseRequestHead(`${text}\r\n\r\n`)).toMatchObject({ status });
  });

  test("no text makes the parser throw", () => {
    assert(
      property(string({ unit: "binary", maxLength: 200 }), (text) => {
        parseRequestHead(`GET / HTTP/1.1\r\nHost: a\r\n${text}\r\n\r\n`);
        parseRequestHead(`${text}\r\n\r\n`);
      }),
    );
  });
});

describe("what is accepted", () => {
  test.each([
    ["A.Example.:8080", "a.example"],
    ["a:80", "a"],
    ["A", "a"],
    ["127.0.0.1:1", "127.0.0.1"],
    ["[::1]:8080", "[::1]"],
    ["a:b", null],
    ["a:123456", null],
    ["", null],
  ])("the host name of %j is %j", (authority, name) => {
    expect(hostNameOf(authority)).toBe(name);
  });

  test("the authority of an absolute target wins over Host", () => {
    expect(accepted("GET http://b.Test:81?q=1 HTTP/1.1", "Host: a")).toMatchObject({
      host: "b.test",
      authority: "b.Test:81",
      target: "/?q=1",
    });
    expect(accepted("OPTIONS * HTTP/1.1", "Host: a").target).toBe("*");
  });

  test("Connection is read by its tokens, never by substring", () => {
    expect([closed("x-closed"), closed("Close"), closed("foo , close"), closed("closed")]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  test("nominated headers are removed, except those on which framing and routing hang", () => {
    const head = accepted(
      "POST / HTTP/1.1",
      "Host: a",
      "Connection: x-secret, Content-Length, host",
      "X-Secret: 1",
      "X-Secret-Not: 2",
      "Content-Length: 3",
    );
    expect(head.forwarded).toBe("X-Secret-Not: 2\r\nContent-Length: 3\r\n");
    expect(head.contentLength).toBe(3);
  });

  test("an HTTP/1.0 client closes unless it says otherwise, and cannot upgrade", () => {
    expect(accepted("GET / HTTP/1.0", "Host: a").wantsClose).toBe(true);
    expect(
      accepted(
        "GET / HTTP/1.0",
        "Host: a",
        "Connection: keep-alive, upgrade",
        "Upgrade: websocket",
      ),
    ).toMatchObject({ wantsClose: false, upgrade: null });
  });

  test("an upgrade needs its Connection token, and never leads to h2c", () => {
    expect(upgrade("Upgrade", "websocket")).toBe("websocket");
    expect(upgrade("keep-alive", "websocket")).toBeNull();
    expect(upgrade("Upgrade", "h2c")).toBeNull();
  });
});
