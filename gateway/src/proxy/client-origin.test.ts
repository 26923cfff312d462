import { describe, expect, test } from "vitest";
import { ClientOrigin, originLines } from "./client-origin.ts";
import { isHeadError, parseRequestHead, type RequestHead } from "./parse-head.ts";
import { trustedProxies } from "./trusted-proxies.ts";

function head(...lines: readonly string[]): RequestHead {
  const parsed = parseRequestHead(["GET / HTTP/1.1", "Host: a", ...lines, "", ""].join("\r\n"));
  if (isHeadError(parsed)) throw new Error(parsed.problem);
  return parsed;
}

function origin(peer: string | undefined, trusted: readonly string[] = []): ClientOrigin {
  return new ClientOrigin(peer, "http", trustedProxies(trusted));
}

describe("how an app is told of its client", () => {
  test.each([
    ["a name", "192.0.2.1", "shop.test", "for=192.0.2.1;host=shop.test;proto=https"],
    ["a port", "192.0.2.1", "shop.test:81", 'for=192.0.2.1;host="shop.test:81";proto=https'],
    ["IPv6", "2001:db8::1", "a", 'for="[2001:db8::1]";host=a;proto=https'],
    ["an IPv6 host", "192.0.2.1", "[::1]:8080", 'for=192.0.2.1;host="[::1]:8080";proto=https'],
    ["an unknown peer", "unknown", "a", "for=unknown;host=a;proto=https"],
    [
      "quotes and backslashes",
      "192.0.2.1",
      'a"b\\',
      String.raw`for=192.0.2.1;host="a\"b\\";proto=https`,
    ],
  ])("%s", (_name, ip, authority, forwarded) => {
    expect(originLines(ip, authority, "https").split("\r\n")).toEqual([
      `forwarded: ${forwarded}`,
      `x-forwarded-for: ${ip}`,
      `x-forwarded-host: ${authority}`,
      "x-forwarded-proto: https",
      "",
    ]);
  });
});

describe("who the client is", () => {
  const claims = head(
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-For: 192.0.2.1",
    "X-Forwarded-Proto: HTTPS",
  );

  test("nobody is believed unless it is trusted", () => {
    const found = origin("203.0.113.9", ["10.0.0.0/8"]);
    found.read(claims);
    expect([found.ip, found.scheme]).toEqual(["203.0.113.9", "http"]);
  });

  test("a trusted peer is believed, request by request", () => {
    const found = origin("::ffff:10.0.0.1", ["10.0.0.0/8"]);
    found.read(claims);
    expect([found.ip, found.scheme]).toEqual(["192.0.2.1", "https"]);
    expect(found.linesFor("a")).toContain("for=192.0.2.1;host=a;proto=https");
    found.read(head());
    expect([found.ip, found.scheme]).toEqual(["10.0.0.1", "http"]);
    expect(found.linesFor("a")).toContain("for=10.0.0.1;host=a;proto=http");
    expect(found.linesFor("b")).toContain("host=b");
  });

  test("a scheme that is none counts as not told", () => {
    const found = origin("10.0.0.1", ["10.0.0.1"]);
    found.read(head("X-Forwarded-Proto: gopher"));
    expect(found.scheme).toBe("http");
  });

  test("a socket that is gone has no address", () => {
    expect(origin(undefined).ip).toBe("unknown");
  });
});
