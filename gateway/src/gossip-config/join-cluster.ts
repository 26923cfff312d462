/** A gateway's own store, joined with what its cluster tells. */
import type { ConfigKind } from "@bifrost/shared/domain/config-document";
import type { Timers } from "@bifrost/shared/domain/time";
import type { ConfigSource } from "@bifrost/shared/ports/config-source";
import type { GatewayCluster } from "../cluster/gateway-cluster.ts";
import { JoinedConfig } from "./joined-config.ts";

/** null = this gateway runs alone, or takes no configuration from others. */
export function joinCluster<Kind extends ConfigKind>(
  own: ConfigSource<Kind>,
  kinds: readonly Kind[],
  cluster: Pick<GatewayCluster, "tell" | "onConfig"> | null,
  timers: Timers,
): ConfigSource<Kind> {
  if (cluster === null) return own;
  const offer: ConstructorParameters<typeof JoinedConfig>[0]["offer"] = (documents) =>
    cluster.tell({ kind: "own-config", own: documents });
  const joined = new JoinedConfig({ own, kinds, offer, timers });
  cluster.onConfig(joined);
  return joined;
}
