/** What nodes tell each other of their health: when it changes, and to whoever is new. */
import type { NodeHealth } from "@bifrost/shared/api/cluster";
import type { Clock } from "@bifrost/shared/domain/time";
import type { Member, NodeId } from "../gossip/member.ts";
import type { Membership } from "../gossip/membership.ts";
import { decodeHealth, encodeHealth, type HealthRecord } from "./health-record.ts";

/** Changes closer together are told at once. */
const LEAST_MS = 5000;
/** In a cluster where nothing happens health is not to cost more than failure detection does. */
const MOST_MS = 300_000;

export class HealthShare {
  private readonly membership: Membership;
  private readonly clock: Clock;
  private readonly epoch: number;
  /** Of each other node, the newest. */
  private readonly heard = new Map<NodeId, HealthRecord>();
  private own: NodeHealth | null = null;
  private sequence = 0;
  private told: NodeHealth | null = null;
  private toldAt = -Infinity;

  /** `epoch`: as this node's metadata tell it. */
  constructor(membership: Membership, clock: Clock, epoch: number) {
    this.membership = membership;
    this.clock = clock;
    this.epoch = epoch;
    membership.on("health", {
      onMessage: (from, body) => this.take(from, body),
      state: () => this.encoded() ?? new Uint8Array(),
      onState: (from, body) => this.take(from, body),
    });
    membership.onChange((member, former) => this.changed(member, former));
  }

  of(id: NodeId): NodeHealth | null {
    if (id === this.membership.self) return this.own;
    return this.heard.get(id)?.health ?? null;
  }

  /** Takes what was measured now; the others hear of it when it says something new. */
  update(health: NodeHealth): void {
    this.own = health;
    this.forgetStrangers();
    const sinceMs = this.clock.now() - this.toldAt;
    if (sinceMs < LEAST_MS) return;
    if (sinceMs < MOST_MS && this.told !== null && !isNews(this.told, health)) return;
    this.told = health;
    this.toldAt = this.clock.now();
    this.sequence++;
    const body = this.encoded();
    if (body === null) return;
    // One packet for each costs less than gossip, where each node passes on what each one says.
    for (const member of this.membership.members()) {
      if (this.isOther(member)) this.membership.send(member.id, "health", body);
    }
  }

  private changed(member: Member, former: Member | null): void {
    const isNew = former?.state !== member.state || former.meta.epoch !== member.meta.epoch;
    const body = this.encoded();
    if (isNew && body !== null && this.isOther(member)) {
      this.membership.send(member.id, "health", body);
    }
  }

  private isOther({ id, state }: Member): boolean {
    return id !== this.membership.self && state === "alive";
  }

  private encoded(): Uint8Array | null {
    if (this.own === null) return null;
    const { epoch, sequence, own: health } = this;
    return encodeHealth({ epoch, sequence, health }, this.membership.maxMessageBytes);
  }

  private take(from: NodeId, body: Uint8Array): void {
    const members = this.membership.members();
    const record = decodeHealth(
      body,
      members.map(({ id }) => id),
    );
    const sender = members.find(({ id }) => id === from);
    if (record === null || record.epoch !== sender?.meta.epoch) return;
    const former = this.heard.get(from);
    const isOlder = former?.epoch === record.epoch && former.sequence > record.sequence;
    if (!isOlder) this.heard.set(from, record);
  }

  private forgetStrangers(): void {
    const known = new Set(this.membership.members().map(({ id }) => id));
    for (const id of this.heard.keys()) if (!known.has(id)) this.heard.delete(id);
  }
}

/** Whether someone who knows `told` would see another node in `now`. */
export function isNews(told: NodeHealth, now: NodeHealth): boolean {
  const memory = Math.abs(now.memoryBytes - told.memoryBytes) / Math.max(1, now.memoryLimitBytes);
  return (
    Math.abs(now.cpu - told.cpu) >= 0.2 ||
    memory >= 0.05 ||
    Math.abs(now.errorRate - told.errorRate) >= 0.05 ||
    isOtherSize(told.eventLoopDelayMs, now.eventLoopDelayMs, 100) ||
    isOtherSize(told.requestsPerSecond, now.requestsPerSecond, 10) ||
    now.links.length !== told.links.length ||
    now.links.some((link) => {
      const former = told.links.find(({ nodeId }) => nodeId === link.nodeId);
      return (
        former === undefined ||
        Math.abs(link.loss - former.loss) >= 0.2 ||
        isOtherSize(former.roundTripMs ?? 0, link.roundTripMs ?? 0, 20)
      );
    })
  );
}

/** At least half as much again or a third less; below `least` all values are one. */
function isOtherSize(former: number, now: number, least: number): boolean {
  const [small, large] = [Math.min(former, now), Math.max(former, now)];
  return large >= least && large >= Math.max(small, least) * 1.5;
}
