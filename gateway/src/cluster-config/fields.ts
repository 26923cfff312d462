/** THE table of the file named by BIFROST_CONFIG: every field with its kind, default and meaning. Parser and reference come from here. */
import type { DiscoveryConfig } from "./cluster-config.ts";
import {
  duration,
  flag,
  hostName,
  integer,
  ipAddress,
  listOf,
  name,
  network,
  oneOf,
  port,
  portOrText,
  seconds,
  serverUrl,
  text,
  type ValueKind,
} from "./value-kinds.ts";

export interface Field<T> {
  readonly kind: ValueKind<T>;
  /** What stands for an absent field, as it would be written; absent itself: there is no default. */
  readonly fallback?: unknown;
  /** The default in words, where it depends on something else. */
  readonly fallbackWords?: string;
  readonly isRequired?: true;
  readonly about: string;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

/** Of objects inside: read by their own fields. */
const nested: ValueKind<unknown> = {
  expects: "an object",
  example: "{}",
  read: (found) => found,
};

export const FILE_FIELDS = {
  cluster_config: {
    kind: nested,
    about: "How this gateway and others form a cluster; absent = it runs alone.",
  },
  config_store: {
    kind: nested,
    fallbackWords: "Firestore",
    about: "Where routes, policies and settings come from.",
  },
  providers: {
    kind: { ...nested, expects: "a list", example: "[]" },
    fallbackWords: "none",
    about: "AI providers that apps call through this gateway, and how much they may ask of them.",
  },
} as const satisfies Fields;

export const CLUSTER_FIELDS = {
  enabled: {
    kind: flag(),
    isRequired: true,
    about: "Whether this gateway is a node of a cluster. `false` keeps the rest for later.",
  },
  node_id: {
    kind: text({
      expects: "1 to 64 letters, digits, dots, dashes and underscores",
      example: "gateway-1",
      pattern: /^[\w.-]{1,64}$/,
    }),
    fallbackWords: "made from host name and port",
    about: "Name of this node, which no other node may have.",
  },
  region: {
    kind: text({
      expects: "at most 64 letters, digits, dots, dashes and underscores",
      example: "europe-west1",
      pattern: /^[\w.-]{0,64}$/,
    }),
    fallback: "",
    about: "Where this node runs; replicas of its own region are preferred.",
  },
  label: {
    kind: name("bifrost"),
    fallback: "bifrost",
    about: "Name of the cluster: nodes of another one are strangers, even with the same keys.",
  },
  transport: {
    kind: oneOf(["mesh", "https"]),
    fallback: "mesh",
    about:
      "`mesh`: UDP and TCP on one port. `https`: between services that reach each other by URL alone, as on Cloud Run, through the port of the apps' traffic.",
  },
  bind_address: {
    kind: ipAddress("0.0.0.0"),
    fallback: "0.0.0.0",
    about: "Where the gossip port listens.",
  },
  advertise: {
    kind: text({
      expects: "host, host:port or, for the https transport, this service's URL",
      example: "10.0.0.1:10101",
      pattern: /^\S{1,255}$/,
    }),
    fallbackWords: "the first address that is not loopback",
    about: "What other nodes are told to reach this one by; required for `https`.",
  },
  peers: {
    kind: listOf(
      text({
        expects: "host, host:port or, for the https transport, a URL",
        example: "10.0.0.2:10101",
        pattern: /^\S{1,255}$/,
      }),
      256,
    ),
    fallback: [],
    about: "Nodes that are tried at every start; the port is `gossip.port` where none is written.",
  },
  discovery: {
    kind: nested,
    fallbackWords: "none",
    about: "How other nodes are found: one object, or a list of several that are all used.",
  },
  gossip: { kind: nested, fallback: {}, about: "How nodes talk to each other." },
  tls: {
    kind: nested,
    fallbackWords: "none",
    about: "Certificates for the streams between nodes, on top of the gossip keys.",
  },
} as const satisfies Fields;

export const GOSSIP_FIELDS = {
  port: { kind: port(10_101), fallback: 10_101, about: "Gossip protocol port, TCP and UDP." },
  deduplication_ttl: {
    kind: duration("1s", "1h", "2m"),
    fallback: "2m",
    about: "How long the ids of messages are remembered, so that none is taken twice.",
  },
  config: { kind: nested, fallback: {}, about: "Health checks." },
} as const satisfies Fields;

export const HEALTH_FIELDS = {
  timeout_seconds: {
    kind: seconds(0.1, 600, 10),
    fallback: 10,
    about:
      "Health check timeout of a node that can be reached; times `failure_threshold`, the longest time for which one may be suspect.",
  },
  success_threshold: {
    kind: integer(1, 100, 3),
    fallback: 3,
    about: "Successful checks to mark healthy.",
  },
  failure_threshold: {
    kind: integer(1, 100, 3),
    fallback: 3,
    about: "Failed checks to mark unhealthy.",
  },
} as const satisfies Fields;

const file = (example: string): ValueKind<string> =>
  text({ expects: "the path of a PEM file", example, pattern: /^[^\0]{1,4096}$/ });

export const TLS_FIELDS = {
  cert: { kind: file("/etc/bifrost/tls.crt"), isRequired: true, about: "This node's certificate." },
  key: { kind: file("/etc/bifrost/tls.key"), isRequired: true, about: "Its private key." },
  ca: {
    kind: file("/etc/bifrost/ca.crt"),
    isRequired: true,
    about: "Authority that vouches for the certificates of all nodes.",
  },
} as const satisfies Fields;

export type DiscoveryType = DiscoveryConfig["type"];

export const DISCOVERY_TYPES = [
  "kubernetes",
  "consul",
  "etcd",
  "dns",
  "udp",
  "mdns",
  "firestore",
] as const satisfies readonly DiscoveryType[];

export const COMMON_DISCOVERY_FIELDS = {
  enabled: {
    kind: flag(),
    fallback: false,
    about: "Enable/disable discovery; must be `true` to use discovery at runtime.",
  },
  type: { kind: oneOf(DISCOVERY_TYPES), isRequired: true, about: "Discovery type." },
  service_name: {
    kind: name("bifrost-cluster"),
    fallbackWords:
      "required for consul, etcd and udp, and for mdns unless `mdns_service` is written",
    about: "What the nodes of one cluster are registered and asked for by.",
  },
  bind_port: {
    kind: port(10_101),
    fallbackWords: "`gossip.port`, so `10101`",
    about: "Port for cluster communication, where what is found carries none.",
  },
  dial_timeout: {
    kind: duration("100ms", "10m", "10s"),
    fallback: "10s",
    about: "Discovery timeout.",
  },
  allowed_address_space: {
    kind: listOf(network(), 64),
    fallback: [],
    fallbackWords: "everything; required for udp",
    about: "CIDR ranges to filter discovered nodes.",
  },
} as const satisfies Fields;

export const DISCOVERY_FIELDS = {
  kubernetes: {
    k8s_namespace: {
      kind: text({
        expects: "the name of a namespace: a-z, 0-9 and dashes",
        example: "default",
        pattern: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
      }),
      fallback: "default",
      about: "Kubernetes namespace to search.",
    },
    k8s_label_selector: {
      kind: text({
        expects: "a label selector",
        example: "app=bifrost",
        pattern: /^(?=\S)[\w./=!, ()-]{1,1024}$/,
      }),
      isRequired: true,
      about: "Label selector for pod discovery.",
    },
  },
  consul: {
    consul_address: {
      kind: text({
        expects: "host:port of a Consul agent, or its http or https URL",
        example: "localhost:8500",
        pattern: /^(?:https?:\/\/)?(?:[\w.-]{1,253}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/,
      }),
      fallback: "localhost:8500",
      about: "Consul agent address.",
    },
    consul_datacenter: {
      kind: name("dc1"),
      fallbackWords: "the agent's own",
      about: "Datacenter to ask.",
    },
  },
  etcd: {
    etcd_endpoints: {
      kind: listOf(serverUrl("http://localhost:2379"), 16),
      isRequired: true,
      about: "Array of etcd endpoint URLs.",
    },
  },
  dns: {
    dns_names: {
      kind: listOf(hostName("bifrost-cluster.local"), 64),
      isRequired: true,
      about: "Array of DNS names to resolve, A, AAAA or SRV.",
    },
  },
  udp: {
    udp_broadcast_port: {
      kind: port(9999),
      isRequired: true,
      about: "Port for broadcast discovery.",
    },
  },
  mdns: {
    mdns_service: {
      kind: text({
        expects: "an mDNS service type, such as _bifrost._tcp",
        example: "_bifrost._tcp",
        pattern: /^_[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?\._(?:tcp|udp)$/i,
      }),
      fallback: "_bifrost._tcp",
      about: "mDNS service type.",
    },
  },
  firestore: {},
} as const satisfies Record<DiscoveryType, Fields>;

export const STORE_FIELDS = {
  enabled: {
    kind: flag(),
    isRequired: true,
    about: "Whether this store is used; `false` = Firestore is.",
  },
  type: { kind: oneOf(["firestore", "postgres"]), isRequired: true, about: "Kind of store." },
  config: { kind: nested, fallback: {}, about: "Of PostgreSQL: how it is reached." },
} as const satisfies Fields;

export const POSTGRES_FIELDS = {
  host: { kind: hostName("postgres"), isRequired: true, about: "Its host." },
  port: { kind: portOrText(5432), fallback: "5432", about: "Its port." },
  user: {
    kind: text({
      expects: "1 to 63 characters",
      example: "bifrost",
      pattern: /^[^\0]{1,63}$/,
    }),
    isRequired: true,
    about: "Role that this gateway logs in as.",
  },
  password: {
    kind: text({
      expects: "1 to 1024 characters",
      example: "…",
      pattern: /^[^\0]{1,1024}$/,
      isSecret: true,
    }),
    fallbackWords: "required unless `BIFROST_CONFIG_STORE_PASSWORD` is set, which wins",
    about: "Its password; never printed.",
  },
  db_name: {
    kind: text({
      expects: "1 to 63 characters",
      example: "bifrost",
      pattern: /^[^\0]{1,63}$/,
    }),
    isRequired: true,
    about: "Database; its encoding must be UTF8.",
  },
  ssl_mode: {
    kind: oneOf(["disable", "require", "verify-full"]),
    fallback: "require",
    about:
      "`require` encrypts and believes any certificate; `verify-full` checks it and the name in it.",
  },
} as const satisfies Fields;
