/** Addresses of nodes as people write them, brought into the one form that a transport takes. */
import { isIPv6 } from "node:net";
import type { Address } from "../gossip/member.ts";
import { quoted } from "./problems.ts";
import type { Place } from "./value-kinds.ts";

export interface AddressForm {
  readonly transport: "mesh" | "https";
  /** Of an address of the mesh without one. */
  readonly port: number;
}

/** Undefined = none, and said so. */
export function readAddress(
  text: string,
  { transport, port }: AddressForm,
  { path, problems }: Place,
): Address | undefined {
  const address = transport === "mesh" ? meshAddress(text, port) : serviceUrl(text);
  if (address !== undefined) return address;
  const [allowed, example] =
    transport === "mesh"
      ? ["host or host:port, an IPv6 address in brackets", "10.0.0.2:10101"]
      : ["an https URL, as the transport is https (http on loopback)", "https://gateway-2.example"];
  const remedy = `write for example "${example}"`;
  problems.add({ path, found: `the string ${quoted(text)}`, allowed, remedy });
  return undefined;
}

function meshAddress(text: string, otherwise: number): Address | undefined {
  if (isIPv6(text)) return `[${text}]:${otherwise}`;
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]{1,253}))(?::(\d{1,5}))?$/.exec(text);
  const [, ipv6, host, written] = match ?? [];
  const port = written === undefined ? otherwise : Number(written);
  if (port < 1 || port > 65_535) return undefined;
  if (ipv6 !== undefined) return isIPv6(ipv6) ? `[${ipv6}]:${port}` : undefined;
  return host === undefined ? undefined : `${host}:${port}`;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

function serviceUrl(text: string): Address | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, href, origin } = new URL(text);
  const isAllowed = protocol === "https:" || (protocol === "http:" && LOOPBACK.test(hostname));
  return isAllowed && href === `${origin}/` ? origin : undefined;
}
