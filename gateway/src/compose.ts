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
import type { GatewayConfig } from "./config.ts";
import type { GatewayDeps, GatewaySettings } from "./gateway.ts";

/** How long an idle connection to a replica is kept: below the 5 s after which Node's own server closes it. */
const UPSTREAM_IDLE_MS = 4000;

export function composeLogger(config: Pick<GatewayConfig, "logLevel">): Logger {
  return structuredLogger({ service: "gateway", level: config.logLevel });
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
    telemetrySecret,
  } = config;
  return {
    host,
    port,
    controlHost,
    controlPort,
    domain,
    publicScheme,
    telemetrySecret,
    upstreams: {
      connectTimeoutMs: config.connectTimeoutMs,
      idleMs: UPSTREAM_IDLE_MS,
      perAddress: config.upstreamConnections,
    },
  };
}

/** The collector writes as the principal `svc:collector`, which the rules let write replicas and nothing else. */
function composeReplicas(config: GatewayConfig, clock: Timers): FirestoreReplicaStore {
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
