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
    ["chunked before another coding", ["Transfer-Encoding: chunked, gzip"], 400],
    ["chunked twice in one line", ["Transfer-Encoding: chunked, chunked"], 400],
    ["an empty coding", ["Transfer-Encoding:"], 400],
    ["chunked with a parameter", ["Transfer-Encoding: chunked;q=1"], 400],
    ["chunked in quotes", ['Transfer-Encoding: "chunked"'], 400],
    ["a list with an empty part", ["Transfer-Encoding: ,chunked"], 400],
    ["a form feed before chunked", ["Transfer-Encoding: \fchunked"], 400],
    ["a coding in a folded line", ["Transfer-Encoding:", " chunked"], 400],
    ["a coding behind a folded line", ["X: y", "\tTransfer-Encoding: chunked"], 400],
    ["a tab before the colon", ["Content-Length\t: 3"], 400],
    ["a fraction of Content-Length", ["Content-Length: 3.0"], 400],
    ["Content-Length with an exponent", ["Content-Length: 1e3"], 400],
    ["a blank inside Content-Length", ["Content-Length: 1 0"], 400],
    ["Content-Length in other digits", ["Content-Length: \u00b2"], 400],
    ["DEL in a value", ["X-A: a\u007fb"], 400],
    ["an escape in a value", ["X-A: \u001b[0m"], 400],
    ["a bare CR at the end of a value", ["X-A: 1\r"], 400],
    ["a blank in a name", ["X A: 1"], 400],
    ["a name beyond ASCII", ["Tr\u00e4nsfer-Encoding: chunked"], 400],
    ["a name in brackets", ["(x): 1"], 400],
    ["a line of blanks", [" "], 400],
    ["another expectation", ["Expect: 200-ok"], 417],
    ["a second expectation", ["Expect: 100-continue", "Expect: x"], 417],
    ["two Host", ["Host: b"], 400],
    ["two equal Host", ["Host: a"], 400],
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
    ["an empty line first", "\r\nGET / HTTP/1.1\r\nHost: a", 400],
    ["a blank first", " GET / HTTP/1.1\r\nHost: a", 400],
    ["a blank last", "GET / HTTP/1.1 \r\nHost: a", 400],
    ["a bare LF after the line", "GET / HTTP/1.1\nHost: a", 400],
    ["a bare CR in the line", "GET /\rX HTTP/1.1\r\nHost: a", 400],
    ["HTTP/0.9", "GET /", 400],
    ["a version of three digits", "GET / HTTP/1.10\r\nHost: a", 400],
    ["a version without a minor one", "GET / HTTP/1\r\nHost: a", 400],
    ["HTTP/1.2", "GET / HTTP/1.2\r\nHost: a", 505],
    ["a fragment of another request", "0\r\n\r\nGET / HTTP/1.1\r\nHost: a", 400],
    ["NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a", 400],
    ["a target of 8 KiB and a byte", `GET /${"a".repeat(8192)} HTTP/1.1\r\nHost: a`, 414],
    ["an absolute target without a host", "GET http:///a HTTP/1.1\r\nHost: a", 400],
    ["two hosts in Host", "GET / HTTP/1.1\r\nHost: a, b", 400],
    ["a user in Host", "GET / HTTP/1.1\r\nHost: u@a", 400],
    ["NUL in Host", "GET / HTTP/1.1\r\nHost: a\0b", 400],
    ["HTTP/1.0 without Host", "GET / HTTP/1.0", 400],
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

  test("a target of 8 KiB", () => {
    expect(accepted(`GET /${"a".repeat(8191)} HTTP/1.1`, "Host: a").target).toHaveLength(8192);
  });

  test("TE tells of trailers alone, and goes no further", () => {
    const head = accepted("GET / HTTP/1.1", "Host: a", "TE: gzip;q=0.5, Trailers", "X-A: 1");
    expect(head).toMatchObject({ acceptsTrailers: true, forwarded: "X-A: 1\r\n" });
    expect(accepted("GET / HTTP/1.1", "Host: a", "TE: gzip").acceptsTrailers).toBe(false);
    expect(accepted("GET / HTTP/1.0", "Host: a", "TE: trailers").acceptsTrailers).toBe(false);
  });

  test("100-continue is passed on, and an expectation of HTTP/1.0 is ignored", () => {
    expect(accepted("PUT / HTTP/1.1", "Host: a", "Expect: 100-Continue")).toMatchObject({
      expectsContinue: true,
      forwarded: "Expect: 100-Continue\r\n",
    });
    expect(accepted("PUT / HTTP/1.0", "Host: a", "Expect: x", "X-A: 1")).toMatchObject({
      expectsContinue: false,
      forwarded: "X-A: 1\r\n",
    });
  });

  const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

  test.each<[string, readonly string[], string | null, string]>([
    [
      "a valid one passes",
      [`traceparent: ${TRACE}`, "tracestate: a=1"],
      TRACE,
      `traceparent: ${TRACE}\r\ntracestate: a=1\r\n`,
    ],
    [
      "one that is nominated away passes too",
      ["Connection: traceparent", `traceparent: ${TRACE}`],
      TRACE,
      `traceparent: ${TRACE}\r\n`,
    ],
    [
      "an invalid one goes, its state with it",
      ["traceparent: 00-x", "tracestate: a=1", "X: y"],
      null,
      "X: y\r\n",
    ],
    ["two of them go", [`traceparent: ${TRACE}`, `Traceparent: ${TRACE}`], null, ""],
    ["none is none", ["tracestate: a=1"], null, "tracestate: a=1\r\n"],
  ])("of trace contexts %s", (_name, lines, traceparent, forwarded) => {
    const head = accepted("GET / HTTP/1.1", "Host: a", ...lines);
    expect(head).toMatchObject({ traceparent, forwarded });
  });

  test("what a client claims about itself is read and not passed on", () => {
    const claims = ["X-Forwarded-For: 1", "x-forwarded-for: 2, 3", "X-Forwarded-Proto: https"];
    expect(accepted("GET / HTTP/1.1", "Host: a", ...claims, "Forwarded: for=1")).toMatchObject({
      claims: { forwardedFor: "1,2, 3", forwardedProto: "https" },
      forwarded: "",
    });
  });

  test("in spellings that some apps take for the same name it is neither read nor passed on", () => {
    const spellings = ["X_Forwarded_For: 1", "x-forwarded_for: 1", "X_BIFROST_REQUEST_ID: 1"];
    const others = ["x_forwarded: 1", "content_length: 5", "transfer_encoding: chunked"];
    const lines = ["GET / HTTP/1.1", "Host: a", ...spellings, ...others];
    expect(parseRequestHead(headOf(lines))).toMatchObject({
      forwarded: others.map((line) => `${line}\r\n`).join(""),
      claims: { forwardedFor: null },
      contentLength: 0,
      isChunked: false,
    });
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
