/** Where other nodes come in, as the configuration of a node says. */
import type { ClusterConfig } from "../cluster-config/cluster-config.ts";
import { GOSSIP_TARGETS, parseNodeUrl } from "../gossip/https/node-url.ts";
import { formatHostPort } from "../gossip/mesh/host-port.ts";
import type { GossipEntrance } from "../proxy/gossip-entrance.ts";
import { hostNameOf } from "../proxy/parse-head.ts";

/** What listens at every address is asked at this one. */
const LOOPBACK_OF: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** null = not with the apps' traffic. */
export function entranceOf({
  transport,
  advertise,
  bindAddress,
  gossip,
}: Pick<
  ClusterConfig,
  "transport" | "advertise" | "bindAddress" | "gossip"
>): GossipEntrance | null {
  const url = transport === "https" ? parseNodeUrl(advertise ?? "") : null;
  const host = url === null ? null : hostNameOf(url.host);
  if (host === null) return null;
  const own = LOOPBACK_OF[bindAddress] ?? bindAddress;
  return { host, targets: GOSSIP_TARGETS, address: formatHostPort(own, gossip.port) };
}
