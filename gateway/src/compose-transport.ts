/** How a node's bytes get to the others, as its configuration says. */
import { readFileSync } from "node:fs";
import { GoogleCallerVerifier } from "@bifrost/shared/cloud/google-caller-verifier";
import { MetadataIdentity } from "@bifrost/shared/cloud/metadata-identity";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import { type Clock, steadyTimers, systemTimers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ClusterConfig } from "./cluster-config/cluster-config.ts";
import type { PlatformAccess } from "./cluster/messages.ts";
import { type HttpsAuth, HttpsTransport } from "./gossip/https-transport.ts";
import type { Keyring } from "./gossip/keyring.ts";
import type { Transport } from "./gossip/transport.ts";
import { UdpTransport } from "./gossip/udp-transport.ts";

export interface TransportParts {
  readonly platform: PlatformAccess;
  readonly keyring: Keyring | null;
  readonly logger: Logger;
}

/** Service account under which every gateway runs. */
const GATEWAY = "gateway";

export function composeTransport(config: ClusterConfig, parts: TransportParts): Transport {
  const { bindAddress, advertise, label, gossip } = config;
  const { keyring, platform, logger } = parts;
  const common = { logger, timers: steadyTimers };
  const place = { bindAddress, port: gossip.port, advertise, label };
  const tls = config.tls === null ? null : readTls(config.tls);
  if (config.transport === "mesh") return new UdpTransport({ ...place, ...common, keyring, tls });
  const isPlain = advertise?.startsWith("http:") === true;
  const auth = isPlain ? null : tokens(platform, systemTimers);
  return new HttpsTransport({ ...place, ...common, auth, tls, ca: tls?.ca ?? null });
}

function tokens(platform: PlatformAccess, clock: Clock): HttpsAuth {
  const { projectId, metadataUrl, oidcIssuer: issuer, oidcCertificatesUrl } = platform;
  const certificatesUrl = oidcCertificatesUrl;
  return {
    identity: new MetadataIdentity({ baseUrl: metadataUrl, clock }),
    verifier: new GoogleCallerVerifier({ projectId, issuer, certificatesUrl, clock }),
    services: [GATEWAY],
  };
}

type Tls = NonNullable<ClusterConfig["tls"]>;

function readTls({ cert, key, ca }: Tls): Tls {
  return { cert: read("cert", cert), key: read("key", key), ca: read("ca", ca) };
}

function read(field: keyof Tls, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new BifrostError(
      "cluster-config-invalid",
      `cluster_config.tls.${field} names a file that cannot be read: ${messageOf(error)}; it must be PEM that the gateway's user may read`,
      { file },
    );
  }
}
