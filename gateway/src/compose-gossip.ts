/** The ports of the gossip process and their adapters. */
import { randomBytes } from "node:crypto";
import { structuredLogger } from "@bifrost/shared/cloud/logging";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { ClusterNode, type NodeEvents } from "./cluster/cluster-node.ts";
import { controlAsTold } from "./cluster/control-address.ts";
import { MachineMeter } from "./cluster/machine-meter.ts";
import type { GossipSettings } from "./cluster/messages.ts";
import { composeDiscovery } from "./compose-discovery.ts";
import { composeTransport } from "./compose-transport.ts";
import { GossipNode } from "./gossip/gossip-node.ts";
import { HTTPS, MESH } from "./gossip/presets.ts";
import { Keyring } from "./gossip/keyring.ts";
import { advertisedHost } from "./gossip/mesh/host-port.ts";
import type { Transport } from "./gossip/transport.ts";

export async function composeNode(
  settings: GossipSettings,
  events: NodeEvents,
): Promise<ClusterNode> {
  const { config, secrets, platform, logLevel } = settings;
  const timers = systemTimers;
  const log = structuredLogger({ service: "gateway", level: logLevel });
  const keyring = secrets.gossipKeys.length === 0 ? null : new Keyring(secrets.gossipKeys);
  const transport = await composeTransport(config, { platform, keyring, logger: log });
  const epoch = randomBytes(4).readUInt32BE();
  const node = new ClusterNode({
    settings,
    epoch,
    gossip: composeMembership(settings, { epoch, transport, log }),
    transport,
    keyring,
    discovery: await composeDiscovery(settings, { timers, log }),
    machine: new MachineMeter(timers),
    random: Math.random,
    timers,
    uptime: () => performance.now(),
    log,
    events,
  });
  await node.start();
  return node;
}

function composeMembership(
  { nodeId: id, config, host, control, version }: GossipSettings,
  {
    epoch,
    ...parts
  }: { readonly epoch: number; readonly transport: Transport; readonly log: Logger },
): GossipNode {
  const { timeoutMs, successThreshold, failureThreshold, deduplicationMs } = config.gossip;
  const own = config.advertise ?? advertisedHost(config.bindAddress);
  const told = controlAsTold(control, own);
  return new GossipNode({
    ...parts,
    id,
    meta: { region: config.region, host, control: told, version, epoch },
    timers: systemTimers,
    seed: randomBytes(4).readUInt32BE(),
    uptime: () => performance.now(),
    preset: config.transport === "https" ? HTTPS : MESH,
    health: { timeoutMs, successThreshold, failureThreshold },
    deduplicationMs,
  });
}
