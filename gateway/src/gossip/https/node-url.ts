/** Addresses of nodes that are reached over HTTP: `https://gateway-2.example`. */
import type { Address } from "../member.ts";
import { isLoopback } from "../mesh/host-port.ts";

/** Everything between nodes goes below this path, so that it can share a port with other traffic. */
export const GOSSIP_PATH = "/_bifrost/gossip";

/** What nodes ask each other for, and nothing else is answered. */
export const GOSSIP_TARGETS: ReadonlySet<string> = new Set([
  `${GOSSIP_PATH}/packets`,
  `${GOSSIP_PATH}/request`,
]);

const MAX_ADDRESS_CHARACTERS = 255;

/** null = no such address, or one at which anybody on the way could read the tokens. */
export function parseNodeUrl(address: Address): URL | null {
  if (address.length > MAX_ADDRESS_CHARACTERS || !URL.canParse(address)) return null;
  const url = new URL(address);
  const isPrivate =
    url.protocol === "https:" ||
    (url.protocol === "http:" && isLoopback(url.hostname.replace(/^\[|\]$/g, "")));
  // As addresses are compared, each node has exactly one.
  return isPrivate && url.origin === address ? url : null;
}
