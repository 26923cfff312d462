import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { broadcastDomains } from "./broadcast-domains.ts";

function ipv4(cidr: string, netmask: string, internal = false): NetworkInterfaceInfo {
  const [address = ""] = cidr.split("/");
  return { address, netmask, family: "IPv4", mac: "00:00:00:00:00:00", internal, cidr };
}

const INTERFACES = {
  lo: [ipv4("127.0.0.1/8", "255.0.0.0", true)],
  eth0: [
    ipv4("10.77.0.3/24", "255.255.255.0"),
    {
      address: "fe80::1",
      netmask: "ffff:ffff:ffff:ffff::",
      family: "IPv6",
      mac: "00:00:00:00:00:00",
      internal: false,
      cidr: "fe80::1/64",
      scopeid: 2,
    } as const,
  ],
  eth1: [ipv4("172.16.5.9/20", "255.255.240.0"), ipv4("172.16.5.10/20", "255.255.240.0")],
  tunnel: [ipv4("10.9.0.1/32", "255.255.255.255"), ipv4("10.9.1.1/31", "255.255.255.254")],
};

const domainsOf = (own: string | null) =>
  broadcastDomains(INTERFACES, own).map(({ from, to }) => `${from} > ${to}`);

test("each IPv4 network has one broadcast address; links between two have none", () => {
  expect(domainsOf(null)).toEqual(["10.77.0.3 > 10.77.0.255", "172.16.5.10 > 172.16.15.255"]);
});

test("of several addresses in a network the node speaks from its own", () => {
  expect(domainsOf("172.16.5.9")).toContain("172.16.5.9 > 172.16.15.255");
});

test("a node on loopback speaks there, from its own address, and nowhere else", () => {
  expect(domainsOf("127.0.0.7")).toEqual(["127.0.0.7 > 127.255.255.255"]);
});

test("a domain knows its network", () => {
  const [domain] = broadcastDomains(INTERFACES, null);
  expect([domain?.contains("10.77.0.200"), domain?.contains("10.78.0.1")]).toEqual([true, false]);
});
