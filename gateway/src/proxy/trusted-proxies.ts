/** The proxies before this one that are believed when they say who the client is. */
import { BlockList, isIP } from "node:net";

export type IsTrusted = (ip: string) => boolean;

/** `ranges` are addresses or CIDR blocks; throws for anything else. */
export function trustedProxies(ranges: readonly string[]): IsTrusted {
  if (ranges.length === 0) return () => false;
  const list = new BlockList();
  for (const range of ranges) {
    const block = parseRange(range);
    if (block === null) throw new RangeError(`${range} is neither an address nor a CIDR block.`);
    list.addSubnet(block.ip, block.bits, block.family);
  }
  return (ip) => {
    const version = isIP(ip);
    return version !== 0 && list.check(ip, familyOf(version));
  };
}

export function isRange(text: string): boolean {
  return parseRange(text) !== null;
}

export function parseRange(
  text: string,
): { ip: string; bits: number; family: "ipv4" | "ipv6" } | null {
  const [, ip = "", length] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(ip);
  const most = version === 4 ? 32 : 128;
  const bits = length === undefined ? most : Number(length);
  return version === 0 || bits > most ? null : { ip, bits, family: familyOf(version) };
}

function familyOf(version: number): "ipv4" | "ipv6" {
  return version === 4 ? "ipv4" : "ipv6";
}

/**
 * The client behind `peer`: of the addresses in X-Forwarded-For the right-most one that is not itself trusted, for
 * everything to the left of it was written by somebody nobody vouches for. A hop that is no address ends the search.
 */
export function clientBehind(peer: string, forwardedFor: string, isTrusted: IsTrusted): string {
  let client = peer;
  for (const hop of forwardedFor.split(",").toReversed()) {
    const ip = addressIn(hop.trim());
    if (ip === null) return client;
    client = ip;
    if (!isTrusted(ip)) return client;
  }
  return client;
}

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function addressIn(hop: string): string | null {
  const [, bracketed, plain] =
    /^(?:\[([0-9A-Fa-f.:]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$/.exec(hop) ?? [];
  const ip = bracketed ?? plain ?? hop;
  return isIP(ip) === 0 ? null : ip.replace(/^::ffff:(?=\d+\.)/i, "");
}
