/** The gateway's ports and their adapters; the only file that knows both. */
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { connectFirestore } from "@bifrost/shared/cloud/connect-firestore";
import { FirestorePolicySource } from "@bifrost/shared/cloud/firestore-policy-source";
import { FirestorePolicyStore } from "@bifrost/shared/cloud/firestore-policy-store";
import { FirestoreConfigSource } from "@bifrost/shared/cloud/firestore-config-source";
import { FirestoreReplicaStore } from "@bifrost/shared/cloud/firestore-replica-store";
import { FirestoreSites } from "@bifrost/shared/cloud/firestore-sites";
import { KubernetesEndpoints } from "@bifrost/shared/cloud/kubernetes-endpoints";
import { structuredLogger } from "@bifrost/shared/cloud/logging";
import { storageObjectStore } from "@bifrost/shared/cloud/storage-object-store";
import { ROUTE_KINDS } from "@bifrost/shared/domain/route-table-builder";
import { systemTimers, type Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ObjectStore } from "@bifrost/shared/ports/object-store";
import type { PolicyStore } from "@bifrost/shared/ports/policy-store";
import { AlertProcess } from "./alerts/alert-process.ts";
import { Alerts } from "./alerts/alerts.ts";
import { Webhook } from "./alerts/webhook.ts";
import type {
  ClusterConfig,
  ClusterFile,
  ConfigStoreConfig,
} from "./cluster-config/cluster-config.ts";
import type { CollectorDeps } from "./collector.ts";
import type { CollectorConfig } from "./collector-config.ts";
import type { GatewayCluster } from "./cluster/gateway-cluster.ts";
import { processEnvironment, type GatewayConfig } from "./config.ts";
import { composeFirestore } from "./compose-firestore.ts";
import { openBucket } from "./compose-worker.ts";
import type { GatewayDeps } from "./gateway.ts";
import { joinBackends } from "./routing/join-backends.ts";
import { joinCluster } from "./gossip-config/join-cluster.ts";
import { routesFromConfig } from "./routing/routes-from-config.ts";
import type { StoredPolicies } from "./policies/follow-policies.ts";
import { PolicyLog } from "./policies/policy-log.ts";
import { ScriptLoader } from "./policies/script-loader.ts";
import { ForkedChecker } from "./policies/check/forked-checker.ts";
import { readStandardScripts } from "./policies/standard-scripts.ts";
import type { GossipEntrance } from "./proxy/gossip-entrance.ts";
import { DEFAULT_PROXY_LIMITS } from "./proxy/services.ts";
import type { HelperProgram } from "./workers/helper-program.ts";
import type { LimitsHost } from "./limits/limit-messages.ts";
import { startCluster } from "./workers/cluster.ts";
import { WORKER_ARGUMENTS } from "./workers/worker-arguments.ts";
import type { DataPlanes } from "./workers/data-planes.ts";
import { startInProcess } from "./workers/in-process.ts";
import type { PlaneSettings } from "./workers/plane.ts";
import type { Tables } from "./workers/tables.ts";
import type { PolicyFaults } from "./workers/policy-faults.ts";
import type { PolicyLogLine } from "./workers/policy-runtime.ts";
import { startPolicies } from "./workers/start-policies.ts";

/** How long an idle connection to a replica is kept: below the 5 s after which Node's own server closes it. */
const UPSTREAM_IDLE_MS = 4000;

export function composeLogger(
  service: "gateway" | "collector",
  config: Pick<GatewayConfig, "logLevel">,
): Logger {
  return structuredLogger({ service, level: config.logLevel });
}

export function composeCollector(config: CollectorConfig, log: Logger): CollectorDeps {
  const { controlHost, controlPort, telemetryGrpcPort, telemetrySecret } = config;
  return {
    settings: { controlHost, controlPort, telemetryGrpcPort, telemetrySecret },
    replicas: composeReplicas(config, systemTimers),
    timers: systemTimers,
    log,
  };
}

/** Nothing of a cluster is loaded where there is none. */
export async function composeClusterFile({
  clusterFile: file,
  storePassword,
}: GatewayConfig): Promise<ClusterFile> {
  if (file === null) return { cluster: null, configStore: { type: "firestore" }, providers: [] };
  const { loadClusterFile } = await import("./cluster-config/load-cluster-file.ts");
  return loadClusterFile({ file, storePassword });
}

type ComposedDeps = Omit<
  GatewayDeps,
  "dataPlanes" | "policyFaults" | "alerts" | "cluster" | "providers"
>;

export async function composeGateway(
  config: GatewayConfig,
  parts: GatewayParts,
): Promise<ComposedDeps> {
  const timers = systemTimers;
  const { log, configStore, standardPolicies } = parts;
  const { controlHost, controlPort, controlToken, telemetryGrpcPort, telemetrySecret } = config;
  const settings = { controlHost, controlPort, controlToken, telemetryGrpcPort, telemetrySecret };
  const standard = readStandardScripts(standardPolicies, log);
  if (configStore.type === "firestore") {
    const { stored, ...sources } = await composeOnFirestore(config, parts);
    return { ...sources, policies: { standard, stored }, ownConfig: null, settings, timers, log };
  }
  const { composePostgres } = await import("./compose-store.ts");
  const {
    policies: stored,
    own,
    ...sources
  } = await composePostgres(config, configStore, {
    configCluster: parts.configCluster,
    timers,
    log,
  });
  const policies = { standard, stored };
  return { ...sources, policies, ownConfig: own, replicas: null, settings, timers, log };
}

async function composeOnFirestore(
  config: GatewayConfig,
  { log, policyStorage, configCluster, checkScript }: GatewayParts,
): Promise<
  Pick<GatewayDeps, "routes" | "backends" | "replicas"> & { stored: StoredPolicies | null }
> {
  const timers = systemTimers;
  const { projectId, firestoreEmulator: host, firestoreEmulatorToken: token, kubeconfig } = config;
  const firestore = await connectFirestore(projectId, host === null ? null : { host, token });
  const own = new FirestoreConfigSource({ firestore, timers, log });
  const source = new FirestorePolicySource({ firestore, timers, log });
  const checker = new ForkedChecker({ program: helperProgram(checkScript), timers });
  return {
    stored:
      policyStorage === null
        ? null
        : { ...policyStorage, source, checking: { versions: policyStorage.store, checker } },
    routes: routesFromConfig(joinCluster(own, ROUTE_KINDS, configCluster, timers), log),
    backends: joinBackends(
      new KubernetesEndpoints({ kubeconfig, timers, log }),
      new FirestoreSites({ firestore, timers, log }),
    ),
    replicas: composeReplicas(config, timers),
  };
}

export interface PolicyStorage {
  readonly store: PolicyStore;
  readonly loader: ScriptLoader;
  readonly log: PolicyLog;
}

/** What is stored of policies; null when no bucket is named. Written as `svc:gateway`. */
export function composePolicyStorage(config: GatewayConfig, log: Logger): PolicyStorage | null {
  const { policyBucket: bucket, projectId, storageEndpoint: endpoint } = config;
  if (bucket === null) {
    log.warn("only standard policies run: BIFROST_POLICY_BUCKET is not set");
    return null;
  }
  const timers = systemTimers;
  const store = new FirestorePolicyStore(composeFirestore(config, config.ownMetadataUrl, timers));
  let client: Promise<ObjectStore> | null = null;
  // Made on first use: most gateways have no policies, and the client takes its time to load.
  const objects = (): Promise<ObjectStore> =>
    (client ??= storageObjectStore({ projectId, endpoint }));
  const nodeId = randomBytes(4).toString("hex");
  return {
    store,
    loader: new ScriptLoader({ store, objects, bucket }),
    log: new PolicyLog({ store, timers, log, nodeId }),
  };
}

export interface GatewayParts {
  readonly log: Logger;
  readonly policyStorage: PolicyStorage | null;
  readonly configStore: ConfigStoreConfig;
  /** null = configuration comes from the store alone. */
  readonly configCluster: GatewayCluster | null;
  /** Folder of the policies that come with the gateway. */
  readonly standardPolicies: string;
  /** Entry point of a process that checks a candidate. */
  readonly checkScript: string;
}

export interface DataPlaneParts {
  readonly log: Logger;
  readonly policyFaults: PolicyFaults;
  readonly policyStorage: PolicyStorage | null;
  readonly cluster: ClusterConfig | null;
  /** Entry point of a worker. */
  readonly workerScript: string;
  /** See ClusterOptions. */
  readonly firstTables: Promise<Tables>;
  /** Where data planes meet each other, and those of other nodes. */
  readonly limits: LimitsHost;
}

/**
 * What a worker sees of the environment: it reads what strangers send, and has no use for the secrets in there. Where a
 * file stands for the machine's own identity, it is named, to read the files of static sites.
 */
const SHOWN = /^(?:NODE_.*|PATH|TZ|GOOGLE_APPLICATION_CREDENTIALS)$/;

export interface AlertParts extends Omit<
  DataPlaneParts,
  "workerScript" | "firstTables" | "limits" | "cluster"
> {
  /** Entry point of the process that runs alert rules. */
  readonly alertScript: string;
}

export function composeAlerts(
  config: GatewayConfig,
  { log, policyFaults, policyStorage, alertScript }: AlertParts,
): Alerts {
  const timers = systemTimers;
  const { alertWebhooks, alertWebhookSecret: secret, alertRepeatMinutes } = config;
  const process = new AlertProcess({
    program: helperProgram(alertScript),
    timers,
    log,
    onFault: policyFaults.add.bind(policyFaults),
    onLog: policyLogger(log, policyStorage),
  });
  const webhooks = [...alertWebhooks].map(
    ([name, url]) => [name, new Webhook({ name, url, secret, timers, log })] as const,
  );
  const repeatMs = alertRepeatMinutes * 60_000;
  return new Alerts({ process, webhooks: new Map(webhooks), repeatMs, timers, log });
}

function policyLogger(
  log: Logger,
  policyStorage: PolicyStorage | null,
): (line: PolicyLogLine) => void {
  return (line) => {
    if (policyStorage === null) log.info("policy says", { ...line });
    else policyStorage.log.add(line);
  };
}

/** A process beside the workers. `more`: variables it sees beside what workers see. */
function helperProgram(script: string, more?: RegExp): HelperProgram {
  const shown = Object.entries(processEnvironment()).flatMap(([name, value]) =>
    (SHOWN.test(name) || more?.test(name) === true) && value !== undefined
      ? [[name, value] as const]
      : [],
  );
  const nodeArguments = ["--enable-source-maps", "--max-old-space-size=256"];
  return { script, nodeArguments, environment: Object.fromEntries(shown) };
}

export interface ClusterParts {
  readonly log: Logger;
  /** Entry point of the gossip process. */
  readonly gossipScript: string;
}

/** What the gossip process sees of the environment beside that: how to reach the cloud and the cluster it runs in. */
const SHOWN_TO_GOSSIP = /^(?:KUBERNETES_.*|METADATA_.*|GCE_METADATA_.*|HOME)$/;

/** null = this gateway runs alone; then nothing of a cluster is loaded. Started by the gateway. */
export async function composeCluster(
  config: GatewayConfig,
  cluster: ClusterConfig | null,
  { log, gossipScript }: ClusterParts,
): Promise<GatewayCluster | null> {
  if (cluster === null) return null;
  const { composeGatewayCluster } = await import("./compose-cluster.ts");
  const program = helperProgram(gossipScript, SHOWN_TO_GOSSIP);
  return composeGatewayCluster(config, cluster, { program, timers: systemTimers, log });
}

export async function composeDataPlanes(
  config: GatewayConfig,
  { log, policyFaults, policyStorage, cluster, workerScript, firstTables, limits }: DataPlaneParts,
): Promise<DataPlanes> {
  const settings = planeSettings(config, await composeEntrance(cluster));
  const events = {
    onFault: policyFaults.add.bind(policyFaults),
    onPolicyLog: policyLogger(log, policyStorage),
  };
  const common = { firstTables, limits };
  const workers = config.workers ?? availableParallelism();
  if (workers === 0) {
    return startInProcess({
      settings,
      timers: systemTimers,
      startPolicies,
      openBucket,
      events,
      onProblem: (event, detail) => log.error(event, { detail }),
      ...common,
    });
  }
  const program = {
    script: workerScript,
    nodeArguments: WORKER_ARGUMENTS,
    hiddenVariables: Object.keys(processEnvironment()).filter((name) => !SHOWN.test(name)),
  };
  const timers = systemTimers;
  return startCluster({ workers, program, settings, timers, log, events, ...common });
}

async function composeEntrance(cluster: ClusterConfig | null): Promise<GossipEntrance | null> {
  if (cluster === null) return null;
  const { entranceOf } = await import("./cluster/entrance-of.ts");
  return entranceOf(cluster);
}

function planeSettings(config: GatewayConfig, gossip: GossipEntrance | null): PlaneSettings {
  const { host, port, domain, scheme, accessLog, accessLogQuery: logsQuery, projectId } = config;
  return {
    host,
    port,
    domain,
    publicScheme: scheme,
    trustedProxies: config.trustedProxies,
    gossip,
    limits: DEFAULT_PROXY_LIMITS,
    upstreams: {
      connectTimeoutMs: config.connectTimeoutMs,
      idleMs: UPSTREAM_IDLE_MS,
      perAddress: config.upstreamConnections,
    },
    sites: {
      bucket: config.siteBucket,
      endpoint: config.storageEndpoint,
      cacheBytes: config.siteCacheMegabytes * 1024 ** 2,
    },
    accessLog:
      accessLog === "off" ? null : { where: accessLog, scheme, cloudProject: projectId, logsQuery },
  };
}

/** The collector writes as the principal `svc:collector`, which the rules let write replicas and nothing else. */
function composeReplicas(config: CollectorConfig, clock: Timers): FirestoreReplicaStore {
  return new FirestoreReplicaStore(composeFirestore(config, config.metadataUrl, clock));
}
