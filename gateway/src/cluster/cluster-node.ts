/** One node: its membership, what finds others for it, and what it shares with them. */
import type { ClusterTraffic } from "@bifrost/shared/api/cluster-traffic";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { SeveralDiscoveries } from "../discovery/several.ts";
import type { Address, Member } from "../gossip/member.ts";
import type { GossipNode } from "../gossip/gossip-node.ts";
import { type KeyChange, KeyRotation } from "../gossip/key-rotation.ts";
import type { GossipKey, Keyring } from "../gossip/keyring.ts";
import type { Transport, TransportCounters } from "../gossip/transport.ts";
import type { LimitsFromPlane, LimitsToPlane } from "../limits/limit-messages.ts";
import type { RouteTally } from "../traffic/route-tally.ts";
import { TrafficShare } from "../traffic/traffic-share.ts";
import { LimitsNode } from "../limits/limits-node.ts";
import { clusterStatus, type FullStatus } from "./cluster-status.ts";
import {
  ConfigRelay,
  type OwnDocuments,
  type ToldDocument,
} from "../gossip-config/config-relay.ts";
import { ConfigSigner, ConfigVerifier } from "../gossip-config/signed-entry.ts";
import { HealthShare } from "./health-share.ts";
import type { MachineMeter } from "./machine-meter.ts";
import { type GossipSettings, LOAD_MS, type TrafficLoad } from "./messages.ts";

export interface NodeEvents {
  readonly onMembers: (members: readonly Member[]) => void;
  readonly onConfig: (documents: readonly ToldDocument[]) => void;
  /** After a rotation; the first one seals. */
  readonly onKeys: (keys: readonly GossipKey[]) => void;
  /** For one data plane of this gateway. */
  readonly onLimits: (plane: number, message: LimitsToPlane) => void;
}

export interface NodeParts {
  readonly settings: GossipSettings;
  readonly epoch: number;
  readonly gossip: GossipNode;
  /** That of `gossip`, which starts and stops it. */
  readonly transport: Transport;
  /** null = nothing is sealed. */
  readonly keyring: Keyring | null;
  readonly discovery: SeveralDiscoveries;
  readonly machine: MachineMeter;
  readonly timers: Timers;
  /** Milliseconds that never jump. */
  readonly uptime: () => number;
  /** 0 to below 1. */
  readonly random: () => number;
  readonly log: Logger;
  readonly events: NodeEvents;
}

/** How often discovery hears who is in, and is asked anew while nobody is. */
const LOOK_MS = 10_000;
const NO_LOAD: TrafficLoad = { eventLoopDelayMs: 0, requestsPerSecond: 0, errorRate: 0 };

export class ClusterNode {
  private readonly parts: NodeParts;
  private readonly health: HealthShare;
  /** null = none is taken from other nodes. */
  private readonly config: ConfigRelay | null;
  private readonly served: TrafficShare;
  private readonly limits: LimitsNode;
  private readonly keys: KeyRotation | null;
  private load = NO_LOAD;
  private measuring: Timer | null = null;
  private isTelling = false;
  private toldKeys: string | null;
  private toldHealth: FullStatus["cluster_health"] | null = null;
  private lookedAt: number;

  constructor(parts: NodeParts) {
    this.parts = parts;
    const { gossip, timers, epoch, keyring, log, random, events } = parts;
    const send = events.onLimits;
    this.limits = new LimitsNode({ timers, random, membership: gossip, send });
    this.served = new TrafficShare(gossip, timers, epoch);
    this.keys = keyring && new KeyRotation({ membership: gossip, keyring, timers, log });
    this.toldKeys = keyring && idsOf(keyring).join();
    this.health = new HealthShare(gossip, { now: parts.uptime }, epoch);
    this.config = configRelay(parts);
    this.lookedAt = parts.uptime();
    gossip.onChange(() => this.tellMembers());
    keyring?.onRemoved(() => this.tellKeys());
  }

  get address(): Address {
    return this.parts.transport.localAddress;
  }

  /** Rejects when its port cannot be had. Others are looked for for as long as it runs. */
  async start(): Promise<void> {
    const { gossip, discovery, timers } = this.parts;
    await gossip.start();
    this.tellMembers();
    this.measuring = timers.after(LOAD_MS, () => this.measure());
    const self = { nodeId: gossip.self, address: this.address };
    void discovery.start(self, { onFound: (addresses) => gossip.join(addresses) });
  }

  takeOwnConfig(own: OwnDocuments): void {
    this.config?.offer(own);
  }

  takeLoad(load: TrafficLoad): void {
    this.load = load;
  }

  takeLimits(plane: number, message: LimitsFromPlane): void {
    this.limits.heard(plane, message);
  }

  takeServed(served: readonly RouteTally[]): void {
    this.served.take(served);
  }

  traffic(): ClusterTraffic {
    return this.served.summary();
  }

  status(): FullStatus {
    const { settings, gossip, discovery, transport } = this.parts;
    return clusterStatus({
      self: gossip.self,
      config: settings.config,
      isEncrypted: settings.secrets.gossipKeys.length > 0,
      members: gossip.members(),
      healthOf: (id) => gossip.healthOf(id),
      loadOf: (id) => this.health.of(id),
      problem: null,
      discovery: discovery
        .status()
        .map(({ found, ...method }) => ({ ...method, found: [...found] })),
      keys: (this.keys?.keys() ?? []).map(({ installedAt, ...key }) => ({
        ...key,
        installedAt: [...installedAt],
      })),
      configVersions: this.config?.versions() ?? {},
      counters: { ...gossip.counters(), ...countersOf(transport.counters()) },
    });
  }

  /** Resolves when every live node has done the same. */
  async rotateKey({ step, id, key }: KeyChange): Promise<void> {
    if (this.keys === null) throw unsealed();
    await this.keys.rotate({ step, id, key });
    this.tellKeys();
  }

  /** Takes itself out of what others are found by, gives back what it lends, then says goodbye. */
  async leave(graceMs: number): Promise<void> {
    const { gossip, discovery, timers } = this.parts;
    this.measuring?.cancel();
    this.served.stop();
    const deregistered = discovery.stop();
    await Promise.race([this.limits.leave(), timers.sleep(graceMs / 2)]);
    await gossip.leave(graceMs / 2);
    await Promise.race([deregistered, timers.sleep(graceMs)]);
  }

  private measure(): void {
    const { machine, gossip, timers } = this.parts;
    this.health.update({ ...machine.take(), ...this.load, links: [...gossip.links()] });
    this.lookAround();
    this.tellHealth();
    this.tellKeys();
    this.measuring = timers.after(LOAD_MS, () => this.measure());
  }

  private lookAround(): void {
    const { gossip, uptime, discovery } = this.parts;
    if (uptime() - this.lookedAt < LOOK_MS) return;
    this.lookedAt = uptime();
    const alive = gossip.members().filter(({ state }) => state === "alive");
    discovery.joined(new Set(alive.map(({ address }) => address)));
    if (alive.length <= 1) discovery.refresh();
  }

  private tellHealth(): void {
    const { cluster_health: health, members, healthy_members: healthy } = this.status();
    if (health === this.toldHealth) return;
    this.toldHealth = health;
    const level = health === "HEALTHY" ? "info" : "warn";
    this.parts.log[level](`cluster health: ${health}`, { members, healthy });
  }

  private tellKeys(): void {
    const { keyring, events } = this.parts;
    if (keyring === null) return;
    const ids = idsOf(keyring);
    if (ids.join() === this.toldKeys) return;
    this.toldKeys = ids.join();
    events.onKeys(
      ids.flatMap((id) => {
        const key = keyring.reveal(id);
        return key === null ? [] : [{ id, key }];
      }),
    );
  }

  /** Many changes come at once when a node joins. */
  private tellMembers(): void {
    if (this.isTelling) return;
    this.isTelling = true;
    queueMicrotask(() => {
      this.isTelling = false;
      this.parts.events.onMembers(this.parts.gossip.members());
    });
  }
}

/** The one that seals first. */
function idsOf({ primary, ids }: Keyring): readonly number[] {
  return [primary, ...ids.filter((id) => id !== primary)];
}

function unsealed(): BifrostError {
  return new BifrostError(
    "not-ready",
    "This cluster has no gossip keys that could be rotated: set BIFROST_GOSSIP_KEYS to the same value at every node and start them anew.",
  );
}

function countersOf({ refused, ...counted }: TransportCounters): Readonly<Record<string, number>> {
  const reasons = Object.entries(refused).map(([reason, count]) => [`refused:${reason}`, count]);
  return { ...counted, ...Object.fromEntries(reasons) };
}

function configRelay({ settings, gossip, timers, log, events }: NodeParts): ConfigRelay | null {
  const { configPublicKey, configSigningKey } = settings.secrets;
  const { label } = settings.config;
  if (configPublicKey === null) return null;
  return new ConfigRelay({
    membership: gossip,
    signer: configSigningKey === null ? null : new ConfigSigner(configSigningKey, label),
    verifier: new ConfigVerifier(configPublicKey, label),
    timers,
    random: Math.random,
    log,
    onDocuments: events.onConfig,
  });
}
