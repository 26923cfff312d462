/** The transport between services that cannot reach each other otherwise; loaded only for it, because Google's client is large. */
import { GoogleCallerVerifier } from "@bifrost/shared/cloud/google-caller-verifier";
import { MetadataIdentity } from "@bifrost/shared/cloud/metadata-identity";
import { type Clock, systemTimers } from "@bifrost/shared/domain/time";
import type { ClusterConfig } from "./cluster-config/cluster-config.ts";
import type { PlatformAccess } from "./cluster/messages.ts";
import { type HttpsAuth, HttpsTransport } from "./gossip/https-transport.ts";

type HttpsOptions = ConstructorParameters<typeof HttpsTransport>[0];

/** Service account under which every gateway runs. */
const GATEWAY = "gateway";

export function composeHttpsTransport(
  place: Omit<HttpsOptions, "auth" | "ca"> & { readonly tls: ClusterConfig["tls"] },
  platform: PlatformAccess,
): HttpsTransport {
  const isPlain = place.advertise?.startsWith("http:") === true;
  const auth = isPlain ? null : tokens(platform, systemTimers);
  return new HttpsTransport({ ...place, auth, ca: place.tls?.ca ?? null });
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
