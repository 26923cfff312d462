/** Addresses of a mesh, `host:port`: an IP address of either family (version 6 in brackets) or a name. */
import { isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Address } from "../member.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const HOST_PORT = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,240})):(\d{1,5})$/;
const MAPPED = "::ffff:";

/** null = not an address of a mesh. */
export function parseHostPort(address: Address): HostPort | null {
  const match = HOST_PORT.exec(address);
  if (match === null) return null;
  const host = match[1] ?? match[2] ?? "";
  const port = Number(match[3]);
  if (port < 1 || port > 65_535 || (match[1] !== undefined && !isIPv6(host))) return null;
  return { host, port };
}

/** Version 4 addresses that a version 6 socket reports as mapped ones come out as what they are. */
export function formatHostPort(host: string, port: number): Address {
  const plain = host.startsWith(MAPPED) ? host.slice(MAPPED.length) : host;
  return isIPv6(plain) ? `[${plain}]:${port}` : `${plain}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

const WILDCARDS: Readonly<Record<string, "IPv4" | "IPv6">> = { "0.0.0.0": "IPv4", "::": "IPv6" };

/** The host that others are told of a node which listens at `bindAddress`. */
export function advertisedHost(bindAddress: string): string {
  const family = WILDCARDS[bindAddress];
  if (family === undefined) return bindAddress;
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .toSorted((a, b) => Number(b.family === family) - Number(a.family === family));
  const [first] = found;
  if (first !== undefined) return first.address;
  throw new BifrostError(
    "invalid-environment",
    `the gossip port listens at ${bindAddress} and this machine has no address but loopback; set cluster_config.advertise to the host:port at which the other nodes reach this one`,
    { bindAddress },
  );
}
