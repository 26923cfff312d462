import { assert, domain, integer, ipV4, ipV6, oneof, property } from "fast-check";
import { expect, test } from "vitest";
import { AddressSpace } from "./address-space.ts";
import { isAddress, joinAddress, splitAddress } from "./address.ts";

test.each([
  ["10.0.0.1:10101", { host: "10.0.0.1", port: 10101 }],
  ["[fd00::1]:1", { host: "fd00::1", port: 1 }],
  ["node-2.example:65535", { host: "node-2.example", port: 65535 }],
])("%s is where a node can be", (text, parts) => {
  expect(splitAddress(text)).toEqual(parts);
  expect(joinAddress(parts.host, parts.port)).toBe(text);
  expect(isAddress(text)).toBe(true);
});

test.each([
  "",
  "10.0.0.1",
  "10.0.0.1:0",
  "10.0.0.1:65536",
  "fd00::1:10101",
  "[10.0.0.1]:10101",
  "a b:1",
  "-x:1",
  "http://node.example",
  "https://",
  "0.0.0.0:10101",
  "224.0.0.251:5353",
  "255.255.255.255:9999",
  "[ff02::1]:10101",
  `${"x".repeat(300)}:1`,
  7,
  null,
  {},
])("%j is not", (value) => {
  expect(isAddress(value)).toBe(false);
});

test("behind HTTPS a node is a URL", () => {
  expect(isAddress("https://gateway-2.example")).toBe(true);
});

test("host and port come back as they went in", () => {
  assert(
    property(oneof(ipV4(), ipV6(), domain()), integer({ min: 1, max: 65_535 }), (host, port) => {
      expect(splitAddress(joinAddress(host, port))).toEqual({ host, port });
    }),
  );
});

test("an address space contains what lies in one of its blocks, mapped addresses too, and no names", () => {
  const space = new AddressSpace(["192.168.1.0/24", "10.0.0.0/8", "fd00::/8"]);
  const inside = ["192.168.1.255:1", "10.255.0.1:1", "[fd12::1]:1", "[::ffff:10.0.0.1]:1"];
  const outside = [
    "192.168.2.1:1",
    "11.0.0.1:1",
    "[fe80::1]:1",
    "node.example:1",
    "https://a.example",
  ];
  expect(inside.filter((address) => !space.contains(address))).toEqual([]);
  expect(outside.filter((address) => space.contains(address))).toEqual([]);
});

test("an empty one contains everything; what is no block is refused", () => {
  expect(new AddressSpace([]).contains("node.example:1")).toBe(true);
  expect(() => new AddressSpace(["10.0.0.0/33"])).toThrow('"10.0.0.0/33" is no CIDR block');
});
