/** What `cluster_config` and `config_store` of the file named by BIFROST_CONFIG come to: checked, with every default in place. */
import type { Address } from "../gossip/member.ts";
import type { ProviderConfig } from "../providers/provider-config.ts";

export interface ClusterConfig {
  /** null = made from host name and port, then kept for as long as the process runs. */
  readonly nodeId: string | null;
  readonly region: string;
  /** Nodes of another label are strangers, even with the same keys. */
  readonly label: string;
  /** `mesh`: UDP and TCP on one port. `https`: push-pull between services that cannot reach each other otherwise. */
  readonly transport: "mesh" | "https";
  /** Where the gossip port listens. */
  readonly bindAddress: string;
  /** What others are told; null = the address of the first interface that is not loopback. For `https` the service's own URL. */
  readonly advertise: string | null;
  readonly peers: readonly Address[];
  /** In the order in which they were named; each is tried. */
  readonly discoveries: readonly DiscoveryConfig[];
  readonly gossip: GossipConfig;
  /** Certificate, key and authority for the streams, as paths; null = streams are sealed by the gossip keys alone. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string } | null;
}

export interface GossipConfig {
  readonly port: number;
  /** Of the health check of a reachable member; failureThreshold times it bounds the longest suspicion. */
  readonly timeoutMs: number;
  /** Checks in a row that make a sick member healthy. */
  readonly successThreshold: number;
  /** Checks in a row that make a healthy member sick. */
  readonly failureThreshold: number;
  /** How long the ids of messages are remembered. */
  readonly deduplicationMs: number;
}

interface CommonDiscovery {
  /** "" where the method can do without. */
  readonly serviceName: string;
  /** For what carries no port by itself. */
  readonly bindPort: number;
  readonly dialTimeoutMs: number;
  /** CIDR blocks; empty = everything is allowed. */
  readonly allowedAddressSpace: readonly string[];
}

export type DiscoveryConfig = CommonDiscovery &
  (
    | { readonly type: "kubernetes"; readonly namespace: string; readonly labelSelector: string }
    | { readonly type: "consul"; readonly address: string; readonly datacenter: string | null }
    | { readonly type: "etcd"; readonly endpoints: readonly string[] }
    | { readonly type: "dns"; readonly names: readonly string[] }
    | { readonly type: "udp"; readonly broadcastPort: number }
    | { readonly type: "mdns"; readonly service: string }
    | { readonly type: "firestore" }
  );

/** Where routes, policies and settings come from. */
export type ConfigStoreConfig =
  | { readonly type: "firestore" }
  | {
      readonly type: "postgres";
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password: string;
      readonly database: string;
      readonly sslMode: "disable" | "require" | "verify-full";
    };

/** Secrets do not stand in the file: they come by environment (see config.ts). */
export interface ClusterSecrets {
  /** AES-256 keys by id, 0 to 255; the first one seals. Empty = nothing is encrypted, which only loopback may. */
  readonly gossipKeys: readonly { readonly id: number; readonly key: Uint8Array }[];
  /** Ed25519, PEM; null = this node takes signed configuration but cannot make any. */
  readonly configSigningKey: string | null;
  /** null = configuration is not taken from other nodes. */
  readonly configPublicKey: string | null;
  readonly consulToken: string | null;
  readonly etcdCredentials: { readonly username: string; readonly password: string } | null;
}

export interface ClusterFile {
  /** null = this gateway runs alone. */
  readonly cluster: ClusterConfig | null;
  readonly configStore: ConfigStoreConfig;
  readonly providers: readonly ProviderConfig[];
}
