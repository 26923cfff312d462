/** What a gateway knows of its cluster; loaded only where there is one. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { ClusterConfig } from "./cluster-config/cluster-config.ts";
import { GatewayCluster, type GatewayClusterOptions } from "./cluster/gateway-cluster.ts";
import type { PlatformAccess } from "./cluster/messages.ts";
import { clusterSecrets, type GatewayConfig } from "./config.ts";
import { GATEWAY_VERSION } from "./version.ts";

/** Throws `invalid-environment` when secrets of the cluster are malformed. */
export function composeGatewayCluster(
  config: GatewayConfig,
  cluster: ClusterConfig,
  parts: Omit<GatewayClusterOptions, "settings">,
): GatewayCluster {
  return new GatewayCluster({
    ...parts,
    settings: {
      nodeId: cluster.nodeId ?? nameOf(cluster.gossip.port),
      config: cluster,
      secrets: clusterSecrets(config),
      host: config.machine ?? hostname(),
      version: GATEWAY_VERSION,
      logLevel: config.logLevel,
      platform: platformOf(config),
    },
  });
}

/** Never one that another node has, or that this machine's former gateway had. */
function nameOf(gossipPort: number): string {
  const machine = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, "-")
    .slice(0, 40);
  return `${machine}-${gossipPort}-${randomBytes(4).toString("hex")}`;
}

function platformOf(config: GatewayConfig): PlatformAccess {
  const { projectId, functionsUrl, identityToolkitUrl, firebaseApiKey, firestoreUrl } = config;
  const { kubeconfig, ownMetadataUrl: metadataUrl, oidcIssuer, oidcCertificatesUrl } = config;
  const firestore = { projectId, functionsUrl, identityToolkitUrl, firebaseApiKey, firestoreUrl };
  return { ...firestore, kubeconfig, metadataUrl, oidcIssuer, oidcCertificatesUrl };
}
