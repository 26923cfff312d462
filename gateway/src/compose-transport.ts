/** How a node's bytes get to the others, as its configuration says. */
import { readFileSync } from "node:fs";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import { steadyTimers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ClusterConfig } from "./cluster-config/cluster-config.ts";
import type { PlatformAccess } from "./cluster/messages.ts";
import type { Keyring } from "./gossip/keyring.ts";
import type { Transport } from "./gossip/transport.ts";
import { UdpTransport } from "./gossip/udp-transport.ts";

export interface TransportParts {
  readonly platform: PlatformAccess;
  readonly keyring: Keyring | null;
  readonly logger: Logger;
}

export async function composeTransport(
  config: ClusterConfig,
  parts: TransportParts,
): Promise<Transport> {
  const { bindAddress, advertise, label, gossip } = config;
  const { keyring, platform, logger } = parts;
  const tls = config.tls === null ? null : readTls(config.tls);
  const common = { logger, timers: steadyTimers };
  const place = { bindAddress, port: gossip.port, advertise, label, tls, ...common };
  if (config.transport === "mesh") return new UdpTransport({ ...place, keyring });
  const { composeHttpsTransport } = await import("./compose-https-transport.ts");
  return composeHttpsTransport(place, platform);
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
