/**
 * What nodes tell each other of their health. News goes along with probes and their answers, which meet every member within a
 * lap of a small cluster; whoever was not met in it is told by a packet of its own. A node under a new strain tells everyone
 * at once. So health costs next to nothing while nothing happens, and is known everywhere two laps after it changed.
 */
import type { NodeHealth } from "@bifrost/shared/api/cluster";
import type { Clock } from "@bifrost/shared/domain/time";
import type { Member, NodeId } from "../gossip/member.ts";
import type { Membership } from "../gossip/membership.ts";
import { isNews, isStrainNew, linksAreNews } from "./health-news.ts";
import { decodeHealth, encodeHealth } from "./health-record.ts";

const LAP_MS = 7000;
/** What is told is told again: some of it was lost. */
const REFRESH_MS = 30_000;

interface Heard {
  readonly epoch: number;
  readonly sequence: number;
  readonly health: NodeHealth;
}

export class HealthShare {
  private readonly membership: Membership;
  private readonly clock: Clock;
  private readonly epoch: number;
  /** Of each other node, the newest. */
  private readonly heard = new Map<NodeId, Heard>();
  /** What each was sent last. */
  private readonly sent = new Map<NodeId, number>();
  private own: NodeHealth | null = null;
  /** Of the newest news, and of the newest that was news of links. */
  private sequence = 0;
  private linksSequence = 0;
  private told: NodeHealth | null = null;
  private toldAt = -Infinity;
  private alarmedAt = -Infinity;

  /** `epoch`: as this node's metadata tell it. */
  constructor(membership: Membership, clock: Clock, epoch: number) {
    this.membership = membership;
    this.clock = clock;
    this.epoch = epoch;
    membership.on("health", {
      onMessage: (from, body) => this.take(from, body),
      rider: (to, mostBytes) => this.rider(to, mostBytes),
      state: () => this.encoded(true, membership.maxMessageBytes) ?? new Uint8Array(),
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
    const now = this.clock.now();
    const isAlarm = isStrainNew(this.told, health) && now - this.alarmedAt >= LAP_MS;
    if (!isAlarm && now - this.toldAt < LAP_MS) return;
    const late = this.untold();
    const isDue = now - this.toldAt >= REFRESH_MS || isNews(this.told, health);
    if (isAlarm || isDue) this.publish(health);
    if (isAlarm) this.alarmedAt = now;
    for (const id of isAlarm ? this.untold() : late) this.send(id);
  }

  private publish(health: NodeHealth): void {
    this.sequence++;
    if (linksAreNews(this.told?.links ?? [], health.links)) this.linksSequence = this.sequence;
    this.told = health;
    this.toldAt = this.clock.now();
  }

  /** Live members that were not sent the newest news. */
  private untold(): readonly NodeId[] {
    if (this.told === null) return [];
    const others = this.membership.members().filter((member) => this.isOther(member));
    return others.map(({ id }) => id).filter((id) => !this.wasSent(id, this.sequence));
  }

  private changed(member: Member, former: Member | null): void {
    const isNew = former?.state !== member.state || former.meta.epoch !== member.meta.epoch;
    if (!isNew) return;
    this.sent.delete(member.id);
    if (this.own !== null && this.isOther(member)) this.send(member.id);
  }

  private isOther({ id, state }: Member): boolean {
    return id !== this.membership.self && state === "alive";
  }

  private wasSent(id: NodeId, sequence: number): boolean {
    return (this.sent.get(id) ?? -1) >= sequence;
  }

  private send(to: NodeId): void {
    const body = this.rider(to, this.membership.maxMessageBytes);
    if (body !== null) this.membership.send(to, "health", body);
  }

  /** null when it was sent all there is, or that finds no room. */
  private rider(to: NodeId, mostBytes: number): Uint8Array | null {
    if (this.wasSent(to, this.sequence)) return null;
    const body = this.encoded(!this.wasSent(to, this.linksSequence), mostBytes);
    if (body !== null) this.sent.set(to, this.sequence);
    return body;
  }

  private encoded(hasLinks: boolean, mostBytes: number): Uint8Array | null {
    if (this.own === null) return null;
    const { links, ...load } = this.own;
    const { epoch, sequence } = this;
    return encodeHealth({ epoch, sequence, load, links: hasLinks ? links : null }, mostBytes);
  }

  private take(from: NodeId, body: Uint8Array): void {
    const members = this.membership.members();
    const record = decodeHealth(
      body,
      members.map(({ id }) => id),
    );
    const sender = members.find(({ id }) => id === from);
    if (record === null || record.epoch !== sender?.meta.epoch) return;
    const { epoch, sequence, load } = record;
    const known = this.heard.get(from);
    const former = known?.epoch === epoch ? known : null;
    if (former !== null && former.sequence > sequence) return;
    const links = record.links ?? former?.health.links ?? [];
    this.heard.set(from, { epoch, sequence, health: { ...load, links } });
  }

  private forgetStrangers(): void {
    const known = new Set(this.membership.members().map(({ id }) => id));
    for (const map of [this.heard, this.sent]) {
      for (const id of map.keys()) if (!known.has(id)) map.delete(id);
    }
  }
}
