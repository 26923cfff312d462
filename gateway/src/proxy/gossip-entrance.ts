/**
 * The way in for what other nodes tell this one over HTTPS, on the port of the apps' traffic: on Cloud Run a service has no
 * other. Wins over every route, so that no app ever gets, or answers, what is meant for the node.
 */
import type { ClusterConfig } from "../cluster-config/cluster-config.ts";
import { GOSSIP_TARGETS, parseNodeUrl } from "../gossip/https/node-url.ts";
import { formatHostPort } from "../gossip/mesh/host-port.ts";
import { hostNameOf, type RequestHead } from "./parse-head.ts";

/** Plain data: it is sent to workers as it is. */
export interface GossipEntrance {
  /** Host of this node's own URL, as requests name it. */
  readonly host: string;
  /** Where the gossip process listens on this machine. */
  readonly address: string;
}

/** null = other nodes do not come in here. */
export function gossipEntrance(
  cluster: Pick<ClusterConfig, "transport" | "advertise" | "bindAddress" | "gossip"> | null,
): GossipEntrance | null {
  if (cluster?.transport !== "https") return null;
  const url = parseNodeUrl(cluster.advertise ?? "");
  const host = url === null ? null : hostNameOf(url.host);
  if (host === null) return null;
  const own = LOOPBACK_OF[cluster.bindAddress] ?? cluster.bindAddress;
  return { host, address: formatHostPort(own, cluster.gossip.port) };
}

/** What listens at every address is asked at this one. */
const LOOPBACK_OF: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** Spelled exactly so, as nodes do: whatever else looks like it is an app's. */
export function isGossip(
  { host }: GossipEntrance,
  head: Pick<RequestHead, "host" | "target">,
): boolean {
  return head.host === host && GOSSIP_TARGETS.has(head.target);
}
