/** Addresses as discovery finds them: `10.0.0.1:10101`, `[fd00::1]:10101`, or the URL of a node behind HTTPS. */
import { BlockList, isIP } from "node:net";
import type { Address } from "../gossip/member.ts";

export interface HostAndPort {
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

const MAX_LENGTH = 255;
/** Where no single node is: unspecified, multicast and broadcast addresses. */
const NOWHERE = new BlockList();
NOWHERE.addSubnet("0.0.0.0", 8, "ipv4");
NOWHERE.addSubnet("224.0.0.0", 3, "ipv4");
NOWHERE.addAddress("::", "ipv6");
NOWHERE.addSubnet("ff00::", 8, "ipv6");
/** A name of DNS, or an IPv4 address. */
const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const WITH_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([^[\]:]+)):(\d{1,5})$/;

export function joinAddress(host: string, port: number): Address {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Null for a URL, and for whatever else is not a host with a port of 1 to 65535. */
export function splitAddress(address: string): HostAndPort | null {
  if (address.length > MAX_LENGTH) return null;
  const [, ipv6, name, digits] = WITH_PORT.exec(address) ?? [];
  const port = Number(digits);
  const host = ipv6 ?? name ?? "";
  const isHost = ipv6 === undefined ? HOST.test(host) : isIP(host) === 6;
  return isHost && port >= 1 && port <= 65_535 ? { host, port } : null;
}

/** Whether a node can be asked there: what anybody may have written into a registry is looked at before it is used. */
export function isAddress(value: unknown): value is Address {
  if (typeof value !== "string" || value.length > MAX_LENGTH) return false;
  const parts = splitAddress(value);
  if (parts !== null) return !isNowhere(parts.host);
  return value.startsWith("https://") && URL.canParse(value);
}

function isNowhere(host: string): boolean {
  const version = isIP(host);
  return version !== 0 && NOWHERE.check(host, version === 4 ? "ipv4" : "ipv6");
}

export function isLoopback(host: string): boolean {
  return host === "::1" || host === "localhost" || (isIP(host) === 4 && host.startsWith("127."));
}
