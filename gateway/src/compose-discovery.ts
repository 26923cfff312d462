/** How a node finds others, as its configuration says. */
import { FirestoreNodeRendezvous } from "@bifrost/shared/cloud/firestore-node-rendezvous";
import { KubernetesPods } from "@bifrost/shared/cloud/kubernetes-pods";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { GossipSettings } from "./cluster/messages.ts";
import { composeFirestore } from "./compose-firestore.ts";
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
    pods: () => new KubernetesPods({ kubeconfig, timers }),
    rendezvous: () => new FirestoreNodeRendezvous(composeFirestore(platform, metadataUrl, timers)),
  });
}
