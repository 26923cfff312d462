/** The gateway's ports and their adapters; the only file that knows both. */
import { connectFirestore } from "@bifrost/shared/cloud/connect-firestore";
import { FirestoreRoutes } from "@bifrost/shared/cloud/firestore-routes";
import { FirestoreReplicaStore } from "@bifrost/shared/cloud/firestore-replica-store";
import { FirestoreRest } from "@bifrost/shared/cloud/firestore-rest";
import { KubernetesEndpoints } from "@bifrost/shared/cloud/kubernetes-endpoints";
import { structuredLogger } from "@bifrost/shared/cloud/logging";
import { MetadataIdentity } from "@bifrost/shared/cloud/metadata-identity";
import { principalToken } from "@bifrost/shared/cloud/principal-token";
import { systemTimers, type Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { CollectorDeps } from "./collector.ts";
import type { CollectorConfig } from "./collector-config.ts";
import type { GatewayConfig } from "./config.ts";
import type { GatewayDeps, GatewaySettings } from "./gateway.ts";

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
    backends: new KubernetesEndpoints({ kubeconfig, timers, log }),
    replicas: composeReplicas(config, timers),
    timers,
    log,
  };
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
