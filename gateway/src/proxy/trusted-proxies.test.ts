import { describe, expect, test } from "vitest";
import { clientBehind, isRange, trustedProxies } from "./trusted-proxies.ts";

test.each([
  ["10.0.0.0/8", true],
  ["10.1.2.3", true],
  ["0.0.0.0/0", true],
  ["2001:db8::/32", true],
  ["::1", true],
  ["::/0", true],
  ["10.0.0.0/33", false],
  ["::/129", false],
  ["10.0.0/8", false],
  ["10.0.0.0/", false],
  ["10.0.0.0/-1", false],
  ["localhost", false],
  ["", false],
  ["10.0.0.1 ", false],
])("%j is a range: %j", (text, expected) => {
  expect(isRange(text)).toBe(expected);
});

test("a malformed range is refused by name", () => {
  expect(() => trustedProxies(["10.0.0.0/8", "10.0.0.0/99"])).toThrow("10.0.0.0/99");
});

test.each([
  ["10.200.0.1", true],
  ["11.0.0.1", false],
  ["192.0.2.7", true],
  ["192.0.2.8", false],
  ["2001:db8:1::1", true],
  ["2001:db9::1", false],
  ["unknown", false],
  ["", false],
])("of 10.0.0.0/8, 192.0.2.7 and 2001:db8::/32, %s is trusted: %j", (ip, expected) => {
  const isTrusted = trustedProxies(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]);
  expect(isTrusted(ip)).toBe(expected);
});

test("of an empty list nobody is trusted", () => {
  expect(["127.0.0.1", "::1", "10.0.0.1"].some(trustedProxies([]))).toBe(false);
});

describe("the client behind 10.0.0.1, when 10.0.0.0/8 is trusted", () => {
  const isTrusted = trustedProxies(["10.0.0.0/8"]);
  test.each([
    ["the only one named", "192.0.2.1", "192.0.2.1"],
    ["the right-most that is not trusted", "6.6.6.6, 192.0.2.1, 10.0.0.9", "192.0.2.1"],
    ["not what a client claims before a proxy adds it", "10.0.0.5, 192.0.2.1", "192.0.2.1"],
    ["the left-most when all are trusted", "10.0.0.3,10.0.0.2", "10.0.0.3"],
    ["without its port", "192.0.2.1:4711", "192.0.2.1"],
    ["an IPv6 address", "2001:db8::1", "2001:db8::1"],
    ["an IPv6 address without brackets and port", "[2001:db8::1]:4711", "2001:db8::1"],
    ["a mapped address as IPv4", "::ffff:192.0.2.1", "192.0.2.1"],
    ["a mapped address in hexadecimal as it is", "::ffff:c000:201", "::ffff:c000:201"],
    ["the last proxy when a hop is hidden", "192.0.2.1, unknown, 10.0.0.2", "10.0.0.2"],
    ["the peer when nothing is an address", "unknown", "10.0.0.1"],
    ["the peer when nothing is named", "", "10.0.0.1"],
    ["the peer when the right-most is empty", "192.0.2.1,", "10.0.0.1"],
    ["the peer for a name", "evil.test", "10.0.0.1"],
    ["the peer for an address with more behind", "192.0.2.1;x", "10.0.0.1"],
  ])("is %s", (_name, forwardedFor, expected) => {
    expect(clientBehind("10.0.0.1", forwardedFor, isTrusted)).toBe(expected);
  });
});
