/** One node: its membership, what finds others for it, and what it shares with them. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Discovery } from "../discovery/discovery.ts";
import type { Address, Member } from "../gossip/member.ts";
import type { GossipNode } from "../gossip/gossip-node.ts";
import type { Transport, TransportCounters } from "../gossip/transport.ts";
import { clusterStatus, type FullStatus } from "./cluster-status.ts";
import { HealthShare } from "./health-share.ts";
import type { MachineMeter } from "./machine-meter.ts";
import { type GossipQuestion, type GossipSettings, LOAD_MS, type TrafficLoad } from "./messages.ts";

export interface NodeEvents {
  readonly onMembers: (members: readonly Member[]) => void;
  /** For one data plane of this gateway, or for all of them (null). */
  readonly onLimits: (plane: number | null, message: unknown) => void;
}

export interface NodeParts {
  readonly settings: GossipSettings;
  readonly epoch: number;
  readonly gossip: GossipNode;
  /** That of `gossip`, which starts and stops it. */
  readonly transport: Transport;
  readonly discoveries: readonly Discovery[];
  readonly machine: MachineMeter;
  readonly timers: Timers;
  readonly log: Logger;
  readonly events: NodeEvents;
}

/** How often discovery is asked anew while nobody is found. */
const LONELY_MS = 10_000;
const NO_LOAD: TrafficLoad = { eventLoopDelayMs: 0, requestsPerSecond: 0, errorRate: 0 };

export class ClusterNode {
  private readonly parts: NodeParts;
  private readonly health: HealthShare;
  private readonly found = new Map<Discovery, readonly Address[]>();
  private load = NO_LOAD;
  private measuring: Timer | null = null;
  private isTelling = false;
  private toldHealth: FullStatus["cluster_health"] | null = null;
  private askedAt: number;

  constructor(parts: NodeParts) {
    this.parts = parts;
    const { gossip, timers, epoch } = parts;
    this.health = new HealthShare(gossip, timers, epoch);
    this.askedAt = timers.now();
    gossip.onChange(() => this.tellMembers());
  }

  get address(): Address {
    return this.parts.transport.localAddress;
  }

  /** Rejects when its port cannot be had. Others are looked for for as long as it runs. */
  async start(): Promise<void> {
    const { gossip, discoveries, timers } = this.parts;
    await gossip.start();
    this.tellMembers();
    this.measuring = timers.after(LOAD_MS, () => this.measure());
    this.join();
    const self = { nodeId: gossip.self, address: this.address };
    for (const discovery of discoveries) {
      void discovery.start(self, {
        onFound: (addresses) => {
          this.found.set(discovery, addresses);
          this.join();
        },
      });
    }
  }

  takeLoad(load: TrafficLoad): void {
    this.load = load;
  }

  takeLimits(_plane: number, _message: unknown): void {}

  takeServed(_served: unknown): void {}

  status(): FullStatus {
    const { settings, gossip, discoveries, transport } = this.parts;
    return clusterStatus({
      self: gossip.self,
      config: settings.config,
      isEncrypted: settings.secrets.gossipKeys.length > 0,
      members: gossip.members(),
      healthOf: (id) => gossip.healthOf(id),
      loadOf: (id) => this.health.of(id),
      problem: null,
      discovery: discoveries.map((discovery) => ({
        type: discovery.type,
        found: [...(this.found.get(discovery) ?? [])],
        problem: discovery.problem(),
      })),
      keys: [],
      configVersions: {},
      counters: { ...gossip.counters(), ...countersOf(transport.counters()) },
    });
  }

  rotateKey(
    _question: Omit<Extract<GossipQuestion, { what: "rotate-key" }>, "what">,
  ): Promise<void> {
    return Promise.reject(new BifrostError("not-implemented", "Keys cannot be rotated yet."));
  }

  /** Takes itself out of what others are found by, then says goodbye. */
  async leave(graceMs: number): Promise<void> {
    const { gossip, discoveries } = this.parts;
    this.measuring?.cancel();
    const deregistered = Promise.allSettled(discoveries.map((discovery) => discovery.stop()));
    await gossip.leave(graceMs);
    await Promise.race([deregistered, this.parts.timers.sleep(graceMs)]);
  }

  private join(): void {
    const { settings, gossip } = this.parts;
    const candidates = new Set([...settings.config.peers, ...[...this.found.values()].flat()]);
    candidates.delete(this.address);
    gossip.join([...candidates]);
  }

  private measure(): void {
    const { machine, gossip, timers } = this.parts;
    this.health.update({ ...machine.take(), ...this.load, links: [...gossip.links()] });
    this.seekOthers();
    this.tellHealth();
    this.measuring = timers.after(LOAD_MS, () => this.measure());
  }

  private seekOthers(): void {
    const { gossip, timers, discoveries } = this.parts;
    const isAlone = !gossip
      .members()
      .some(({ id, state }) => id !== gossip.self && state === "alive");
    if (!isAlone || timers.now() - this.askedAt < LONELY_MS) return;
    this.askedAt = timers.now();
    for (const discovery of discoveries) discovery.refresh();
  }

  private tellHealth(): void {
    const { cluster_health: health, members, healthy_members: healthy } = this.status();
    if (health === this.toldHealth) return;
    this.toldHealth = health;
    const level = health === "HEALTHY" ? "info" : "warn";
    this.parts.log[level](`cluster health: ${health}`, { members, healthy });
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

function countersOf({ refused, ...counted }: TransportCounters): Readonly<Record<string, number>> {
  const reasons = Object.entries(refused).map(([reason, count]) => [`refused:${reason}`, count]);
  return { ...counted, ...Object.fromEntries(reasons) };
}
