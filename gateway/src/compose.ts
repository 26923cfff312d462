/** The gateway's ports and their adapters; the only file that knows both. */
import { connectFirestore } from "@bifrost/shared/cloud/connect-firestore";
import { FirestoreRoutes } from "@bifrost/shared/cloud/firestore-routes";
import { FirestoreReplicaStore } from "@bifrost/shared/cloud/firestore-replica-store";
import { FirestoreRest } from "@bifrost/shared/cloud/firestore-rest";
import { FirestoreSites } from "@bifrost/shared/cloud/firestore-sites";
import { KubernetesEndpoints } from "@bifrost/shared/cloud/kubernetes-endpoints";
import { structuredLogger } from "@bifrost/shared/cloud/logging";
import { MetadataIdentity } from "@bifrost/shared/cloud/metadata-identity";
import { principalToken } from "@bifrost/shared/cloud/principal-token";
import { storageObjectStore } from "@bifrost/shared/cloud/storage-object-store";
import { systemTimers, type Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ObjectStore } from "@bifrost/shared/ports/object-store";
import type { CollectorDeps } from "./collector.ts";
import type { CollectorConfig } from "./collector-config.ts";
import type { GatewayConfig } from "./config.ts";
import type { GatewayDeps, GatewaySettings } from "./gateway.ts";
import { joinBackends } from "./routing/join-backends.ts";
import { SiteReader } from "./static/site-reader.ts";

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

export async function composeGateway(config: GatewayConfig, log: Logger): Promise<GatewayDeps> {
  const timers = systemTimers;
  const { projectId, firestoreEmulator: host, firestoreEmulatorToken: token, kubeconfig } = config;
  const firestore = await connectFirestore(projectId, host === null ? null : { host, token });
  return {
    settings: settingsOf(config),
    routes: new FirestoreRoutes({ firestore, timers, log }),
    backends: joinBackends(
      new KubernetesEndpoints({ kubeconfig, timers, log }),
      new FirestoreSites({ firestore, timers, log }),
    ),
    sites: composeSites(config, log),
    replicas: composeReplicas(config, timers),
    timers,
    log,
  };
}

export function composeSites(
  config: Pick<
    GatewayConfig,
    "projectId" | "storageEndpoint" | "siteBucket" | "siteCacheMegabytes"
  >,
  log: Logger,
): SiteReader {
  const { projectId, storageEndpoint: endpoint } = config;
  let store: Promise<ObjectStore> | null = null;
  return new SiteReader({
    objects: () => (store ??= storageObjectStore({ projectId, endpoint })),
    bucket: config.siteBucket,
    timers: systemTimers,
    log,
    cacheBytes: config.siteCacheMegabytes * 1024 ** 2,
  });
}

function settingsOf(config: GatewayConfig): GatewaySettings {
  const {
    host,
    port,
    controlHost,
    controlPort,
    domain,
    scheme: publicScheme,
    telemetryGrpcPort,
    telemetrySecret,
  } = config;
  return {
    host,
    port,
    controlHost,
    controlPort,
    domain,
    publicScheme,
    telemetryGrpcPort,
    telemetrySecret,
    trustedProxies: config.trustedProxies,
    upstreams: {
      connectTimeoutMs: config.connectTimeoutMs,
      idleMs: UPSTREAM_IDLE_MS,
      perAddress: config.upstreamConnections,
    },
  };
}

/** The collector writes as the principal `svc:collector`, which the rules let write replicas and nothing else. */
function composeReplicas(config: CollectorConfig, clock: Timers): FirestoreReplicaStore {
  const token = principalToken({
    issuerUrl: `${config.functionsUrl}/issue-principal`,
    identityToolkitUrl: config.identityToolkitUrl,
    apiKey: config.firebaseApiKey,
    identity: new MetadataIdentity({ baseUrl: config.metadataUrl, clock }),
    clock,
  });
  return new FirestoreReplicaStore(
    new FirestoreRest({ baseUrl: config.firestoreUrl, projectId: config.projectId, token }),
  );
}
