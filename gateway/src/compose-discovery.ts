/** How a node finds others, as its configuration says. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { GossipSettings } from "./cluster/messages.ts";
import { makeDiscoveries } from "./discovery/make-discovery.ts";
import type { SeveralDiscoveries } from "./discovery/several.ts";

export function composeDiscovery(
  { config, secrets, platform }: GossipSettings,
  { timers, log }: { readonly timers: Timers; readonly log: Logger },
): Promise<SeveralDiscoveries> {
  const { kubeconfig, metadataUrl } = platform;
  return makeDiscoveries(config, {
    timers,
    log,
    random: Math.random,
    secrets,
    async pods() {
      const { KubernetesPods } = await import("@bifrost/shared/cloud/kubernetes-pods");
      return new KubernetesPods({ kubeconfig, timers });
    },
    async rendezvous() {
      const [{ FirestoreNodeRendezvous }, { composeFirestore }] = await Promise.all([
        import("@bifrost/shared/cloud/firestore-node-rendezvous"),
        import("./compose-firestore.ts"),
      ]);
      return new FirestoreNodeRendezvous(composeFirestore(platform, metadataUrl, timers));
    },
  });
}
