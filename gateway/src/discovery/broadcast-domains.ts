/** Where broadcasts go: one address for each IPv4 network that this machine is in. */
import { BlockList } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";
import { isLoopback } from "./address.ts";

export interface BroadcastDomain {
  /** Address of this machine in the network. */
  readonly from: string;
  /** 255.255.255.255 would reach the interface of the default route only, and none where there is no such route. */
  readonly to: string;
  contains(ip: string): boolean;
}

/**
 * `own`: the host that this node is reached by, if it is an IPv4 address; in its network it speaks from there. The
 * loopback network counts only for a node that is itself on it: it is a cluster within one machine.
 */
export function broadcastDomains(
  interfaces: NodeJS.Dict<readonly NetworkInterfaceInfo[]>,
  own: string | null,
): readonly BroadcastDomain[] {
  const isLocal = own !== null && isLoopback(own);
  const found = Object.values(interfaces)
    .flatMap((infos) => infos ?? [])
    .filter(({ family, internal }) => family === "IPv4" && internal === isLocal)
    .flatMap((info) => domainOf(info, own));
  // Of several addresses in one network, the own one.
  const ownLast = found.toSorted((a, b) => Number(a.from === own) - Number(b.from === own));
  return [...new Map(ownLast.map((domain) => [domain.to, domain])).values()];
}

function domainOf(
  { address, netmask, cidr, internal }: NetworkInterfaceInfo,
  own: string | null,
): readonly BroadcastDomain[] {
  const bits = Number(cidr?.split("/")[1]);
  // A link between two has no broadcast address.
  if (!(bits >= 1 && bits <= 30)) return [];
  const network = new BlockList();
  network.addSubnet(address, bits, "ipv4");
  // The whole loopback network is this machine's.
  const from = internal && own !== null && network.check(own) ? own : address;
  const mask = netmask.split(".").map(Number);
  const to = address.split(".").map((part, index) => Number(part) | (255 & ~(mask[index] ?? 0)));
  return [{ from, to: to.join("."), contains: (ip) => network.check(ip) }];
}
