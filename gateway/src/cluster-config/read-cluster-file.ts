/** Text of the file named by BIFROST_CONFIG → what it means, with every default in place. */
import { readAddress } from "./addresses.ts";
import type { ClusterConfig, ClusterFile, ConfigStoreConfig } from "./cluster-config.ts";
import {
  CLUSTER_FIELDS,
  FILE_FIELDS,
  GOSSIP_FIELDS,
  HEALTH_FIELDS,
  POSTGRES_FIELDS,
  STORE_FIELDS,
  TLS_FIELDS,
} from "./fields.ts";
import { jsonMistake } from "./json-text.ts";
import { Problems } from "./problems.ts";
import { readProviders } from "./read-providers.ts";
import { readDiscoveries } from "./read-discovery.ts";
import { below, readObject, reportMissing, type ValuesOf } from "./read-object.ts";
import type { Place } from "./value-kinds.ts";

/** Larger is no file of ours, and a ConfigMap could not hold it either. */
export const MAX_FILE_BYTES = 256 * 1024;

export interface ReadFileOptions {
  /** How the file is called in messages. */
  readonly file: string;
  /** From the environment; wins over the one in the file. */
  readonly storePassword: string | null;
}

/** Throws `cluster-config-invalid`, which names every problem at once and never a secret. */
export function readClusterFile(text: string, options: ReadFileOptions): ClusterFile {
  const problems = new Problems();
  const file = readObject(FILE_FIELDS, jsonIn(text, options.file), { path: [], problems });
  const cluster = readCluster(file.cluster_config, { path: ["cluster_config"], problems });
  const configStore = readStore(
    file.config_store,
    { path: ["config_store"], problems },
    options.storePassword,
  );
  const providers = readProviders(file.providers, { path: ["providers"], problems });
  if (problems.count > 0) throw problems.toError(options.file);
  return {
    cluster: cluster ?? null,
    configStore: configStore ?? { type: "firestore" },
    providers,
  };
}

function jsonIn(text: string, file: string): unknown {
  const problems = new Problems();
  const bytes = Buffer.byteLength(text);
  const mistake = bytes > MAX_FILE_BYTES ? null : jsonMistake(text);
  if (bytes > MAX_FILE_BYTES) {
    problems.add({
      path: [],
      found: `${bytes} bytes`,
      allowed: `at most ${MAX_FILE_BYTES}`,
      remedy: "check that BIFROST_CONFIG names the right file",
    });
  } else if (mistake !== null) {
    const { found, allowed, line, column } = mistake;
    const remedy = "correct the JSON there";
    problems.add({
      path: [],
      found: `${found} in line ${line}, column ${column}`,
      allowed,
      remedy,
    });
  }
  if (problems.count > 0) throw problems.toError(file);
  return JSON.parse(text);
}

/** Undefined = absent, switched off, or refused. */
function readCluster(found: unknown, place: Place): ClusterConfig | undefined {
  if (found === undefined) return undefined;
  const read = readObject(CLUSTER_FIELDS, found, place);
  const gossipPlace = below(place, "gossip");
  const gossip = readObject(GOSSIP_FIELDS, read.gossip ?? {}, gossipPlace);
  const health = readObject(HEALTH_FIELDS, gossip.config ?? {}, below(gossipPlace, "config"));
  const tlsPlace = below(place, "tls");
  const tls = read.tls === undefined ? null : readObject(TLS_FIELDS, read.tls, tlsPlace);
  const port = gossip.port ?? GOSSIP_FIELDS.port.fallback;
  const discoveries = readDiscoveries(read.discovery, below(place, "discovery"), port);
  const addresses = readAddresses(read, port, place);
  if (read.enabled !== true) return undefined;
  reportLonely(read, place, discoveries.length + (read.peers?.length ?? 0));
  reportTransport(read, place);
  if (place.problems.has(place.path)) return undefined;
  const values = read as ValuesOf<typeof CLUSTER_FIELDS>;
  const { deduplication_ttl: deduplicationMs } = gossip as ValuesOf<typeof GOSSIP_FIELDS>;
  const checks = health as ValuesOf<typeof HEALTH_FIELDS>;
  return {
    nodeId: values.node_id ?? null,
    region: values.region,
    label: values.label,
    transport: values.transport,
    bindAddress: values.bind_address,
    ...addresses,
    discoveries,
    gossip: {
      port,
      timeoutMs: checks.timeout_seconds,
      successThreshold: checks.success_threshold,
      failureThreshold: checks.failure_threshold,
      deduplicationMs,
    },
    tls: tls as ClusterConfig["tls"],
  };
}

type ReadCluster = Partial<ValuesOf<typeof CLUSTER_FIELDS>>;

function readAddresses(
  { transport, peers = [], advertise }: ReadCluster,
  port: number,
  place: Place,
): Pick<ClusterConfig, "peers" | "advertise"> {
  if (transport === undefined) return { peers: [], advertise: null };
  const form = { transport, port };
  const at = below(place, "peers");
  return {
    peers: peers.flatMap((peer, index) => readAddress(peer, form, below(at, index)) ?? []),
    advertise:
      advertise === undefined
        ? null
        : (readAddress(advertise, form, below(place, "advertise")) ?? null),
  };
}

/** A node that looks for nobody would wait for ever to be found. */
function reportLonely({ discovery }: ReadCluster, place: Place, sources: number): void {
  const { path, problems } = place;
  const [discoveryPath, peersPath] = [
    [...path, "discovery"],
    [...path, "peers"],
  ];
  if (sources > 0 || problems.has(discoveryPath) || problems.has(peersPath)) return;
  const found = discovery === undefined ? "neither" : "no peers, and discovery that is not enabled";
  const remedy =
    discovery === undefined
      ? 'add "peers": ["10.0.0.2:10101"], or a discovery object with "enabled": true and its "type"'
      : 'write "enabled": true into discovery, or add "peers": ["10.0.0.2:10101"]';
  const allowed = "cluster mode requires either a non-empty peers list or discovery.enabled: true";
  problems.add({ path, found, allowed, remedy });
}

function reportTransport({ transport, advertise, tls }: ReadCluster, place: Place): void {
  if (transport !== "https") return;
  if (advertise === undefined) {
    place.problems.add({
      path: below(place, "advertise").path,
      found: "nothing",
      allowed: "the URL of this service, which the https transport requires",
      remedy: 'add "advertise": "https://gateway-1.example"',
    });
  }
  if (tls !== undefined) {
    place.problems.add({
      path: below(place, "tls").path,
      found: "certificates",
      allowed: "nothing, as the transport is https, where the platform has them",
      remedy: 'remove it, or write "transport": "mesh"',
    });
  }
}

/** Undefined = absent, switched off, or refused. */
function readStore(
  found: unknown,
  place: Place,
  storePassword: string | null,
): ConfigStoreConfig | undefined {
  if (found === undefined) return undefined;
  const { enabled, type, config } = readObject(STORE_FIELDS, found, place);
  const isIdle = enabled !== true;
  const at = below(place, "config");
  if (type === "firestore") readObject({}, config ?? {}, at);
  if (type !== "postgres") return undefined;
  const read = readObject(POSTGRES_FIELDS, config ?? {}, at, { isIdle });
  const passwordPlace = below(at, "password");
  const password = storePassword ?? read.password;
  if (isIdle) return undefined;
  if (password === undefined && !place.problems.has(passwordPlace.path)) {
    reportMissing(POSTGRES_FIELDS.password, passwordPlace);
  }
  if (password === undefined || place.problems.has(place.path)) return undefined;
  const {
    host,
    port,
    user,
    db_name: database,
    ssl_mode: sslMode,
  } = read as ValuesOf<typeof POSTGRES_FIELDS>;
  return { type: "postgres", host, port, user, password, database, sslMode };
}
