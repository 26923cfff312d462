/** How a node finds others, as its configuration says. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ClusterConfig } from "./cluster-config/cluster-config.ts";
import { AddressSpace } from "./discovery/address-space.ts";
import { type Method, SeveralDiscoveries } from "./discovery/several.ts";
import { StaticPeers } from "./discovery/static-peers.ts";

export function composeDiscovery(
  { peers }: ClusterConfig,
  parts: { readonly timers: Timers; readonly log: Logger },
): SeveralDiscoveries {
  const basics = { ...parts, random: Math.random };
  const named: Method = {
    name: "static",
    discovery: new StaticPeers(peers, basics),
    space: new AddressSpace([]),
    dialTimeoutMs: 10_000,
  };
  return new SeveralDiscoveries(peers.length === 0 ? [] : [named], basics);
}
