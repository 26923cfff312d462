/** The methods that the configuration names, each loaded only when it is used. */
import type { NodeRendezvous } from "@bifrost/shared/ports/node-rendezvous";
import type { PodSource } from "@bifrost/shared/ports/pod-source";
import type {
  ClusterConfig,
  ClusterSecrets,
  DiscoveryConfig,
} from "../cluster-config/cluster-config.ts";
import type { Address } from "../gossip/member.ts";
import { AddressSpace } from "./address-space.ts";
import type { Discovery } from "./discovery.ts";
import type { DiscoveryBasics } from "./parts.ts";
import { type Method, SeveralDiscoveries } from "./several.ts";
import { StaticPeers } from "./static-peers.ts";

export interface DiscoveryParts extends DiscoveryBasics {
  readonly secrets: Pick<ClusterSecrets, "consulToken" | "etcdCredentials">;
  /** Loaded and made when pods are looked for. */
  readonly pods: () => PodSource | Promise<PodSource>;
  /** Loaded and made when nodes meet. */
  readonly rendezvous: () => NodeRendezvous | Promise<NodeRendezvous>;
}

/** Of `peers`, which answer or do not: nothing has to be waited for. */
const STATIC_DIAL_MS = 10_000;

/** All of a cluster's methods as one. */
export async function makeDiscoveries(
  { peers, discoveries }: Pick<ClusterConfig, "peers" | "discoveries">,
  parts: DiscoveryParts,
): Promise<SeveralDiscoveries> {
  const found = await Promise.all(discoveries.map((config) => methodOf(config, parts)));
  return new SeveralDiscoveries([...staticMethod(peers, parts), ...found], parts);
}

function staticMethod(peers: readonly Address[], parts: DiscoveryParts): readonly Method[] {
  if (peers.length === 0) return [];
  const discovery = new StaticPeers(peers, parts);
  // Who wrote them down allowed them.
  const space = new AddressSpace([]);
  return [{ name: "static", discovery, space, dialTimeoutMs: STATIC_DIAL_MS }];
}

async function methodOf(config: DiscoveryConfig, parts: DiscoveryParts): Promise<Method> {
  return {
    name: config.type,
    discovery: await makeDiscovery(config, parts),
    space: new AddressSpace(config.allowedAddressSpace),
    dialTimeoutMs: config.dialTimeoutMs,
  };
}

type Type = DiscoveryConfig["type"];
type Maker<T extends Type> = (
  config: Extract<DiscoveryConfig, { type: T }>,
  parts: DiscoveryParts,
) => Promise<Discovery>;

function makeDiscovery(config: DiscoveryConfig, parts: DiscoveryParts): Promise<Discovery> {
  // The table pairs each maker with its own kind of configuration.
  return (MAKERS[config.type] as Maker<Type>)(config, parts);
}

const MAKERS: { readonly [T in Type]: Maker<T> } = {
  async kubernetes(config, parts) {
    const { KubernetesDiscovery } = await import("./kubernetes.ts");
    return new KubernetesDiscovery(config, parts, await parts.pods());
  },
  async consul(config, parts) {
    const { ConsulDiscovery } = await import("./consul.ts");
    return new ConsulDiscovery(config, parts, parts.secrets.consulToken);
  },
  async etcd(config, parts) {
    const { EtcdDiscovery } = await import("./etcd.ts");
    return new EtcdDiscovery({ ...parts, config, credentials: parts.secrets.etcdCredentials });
  },
  async dns(config, parts) {
    const { DnsDiscovery } = await import("./dns.ts");
    return new DnsDiscovery(config, parts);
  },
  async udp(config, parts) {
    const { UdpDiscovery } = await import("./udp.ts");
    return new UdpDiscovery(config, parts);
  },
  async mdns(config, parts) {
    const { MdnsDiscovery } = await import("./mdns.ts");
    return new MdnsDiscovery(config, parts);
  },
  async firestore(config, parts) {
    const { FirestoreDiscovery } = await import("./firestore.ts");
    return new FirestoreDiscovery(config, parts, await parts.rendezvous());
  },
};
