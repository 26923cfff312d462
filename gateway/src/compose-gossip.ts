/** The ports of the gossip process and their adapters. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { structuredLogger } from "@bifrost/shared/cloud/logging";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ClusterConfig } from "./cluster-config/cluster-config.ts";
import { ClusterNode, type NodeEvents } from "./cluster/cluster-node.ts";
import { controlAsTold } from "./cluster/control-address.ts";
import { MachineMeter } from "./cluster/machine-meter.ts";
import type { GossipSettings } from "./cluster/messages.ts";
import { AddressSpace } from "./discovery/address-space.ts";
import { type Method, SeveralDiscoveries } from "./discovery/several.ts";
import { StaticPeers } from "./discovery/static-peers.ts";
import { GossipNode } from "./gossip/gossip-node.ts";
import { Keyring } from "./gossip/keyring.ts";
import { advertisedHost } from "./gossip/mesh/host-port.ts";
import type { Transport } from "./gossip/transport.ts";
import { UdpTransport } from "./gossip/udp-transport.ts";

const timers = systemTimers;

export async function composeNode(
  settings: GossipSettings,
  events: NodeEvents,
): Promise<ClusterNode> {
  const { config, secrets, logLevel } = settings;
  const log = structuredLogger({ service: "gateway", level: logLevel });
  const keyring = secrets.gossipKeys.length === 0 ? null : new Keyring(secrets.gossipKeys);
  const transport = composeTransport(config, keyring, log);
  const epoch = randomBytes(4).readUInt32BE();
  const gossip = composeMembership(settings, { epoch, transport, log });
  const machine = new MachineMeter(timers);
  const discovery = composeDiscovery(config, log);
  const parts = { settings, epoch, gossip, transport, keyring, discovery, machine, timers, log };
  const node = new ClusterNode({ ...parts, events });
  await node.start();
  return node;
}

function composeMembership(
  { nodeId: id, config, host, control, version }: GossipSettings,
  parts: { readonly epoch: number; readonly transport: Transport; readonly log: Logger },
): GossipNode {
  const { epoch, ...rest } = parts;
  const { timeoutMs, successThreshold, failureThreshold, deduplicationMs } = config.gossip;
  const own = config.advertise ?? advertisedHost(config.bindAddress);
  const meta = {
    region: config.region,
    host,
    control: controlAsTold(control, own),
    version,
    epoch,
  };
  return new GossipNode({
    ...rest,
    id,
    meta,
    timers,
    seed: randomBytes(4).readUInt32BE(),
    uptime: () => performance.now(),
    health: { timeoutMs, successThreshold, failureThreshold },
    deduplicationMs,
  });
}

function composeTransport(config: ClusterConfig, keyring: Keyring | null, log: Logger): Transport {
  const { bindAddress, advertise, label, gossip, tls } = config;
  return new UdpTransport({
    bindAddress,
    advertise,
    label,
    port: gossip.port,
    keyring,
    tls: tls === null ? null : { cert: text(tls.cert), key: text(tls.key), ca: text(tls.ca) },
    timers,
    logger: log,
  });
}

function composeDiscovery({ peers }: ClusterConfig, log: Logger): SeveralDiscoveries {
  const basics = { timers, log, random: Math.random };
  const named: Method = {
    name: "static",
    discovery: new StaticPeers(peers, basics),
    space: new AddressSpace([]),
    dialTimeoutMs: 10_000,
  };
  return new SeveralDiscoveries(peers.length === 0 ? [] : [named], basics);
}

/** Of a file that the configuration names; its name is in the error when it cannot be read. */
function text(file: string): string {
  return readFileSync(file, "utf8");
}
