/**
 * The node's part of limits: it gathers what its data planes used and tells each what goes on elsewhere, and lends and borrows
 * tokens of strict limits. In a gossip process elsewhere is the whole cluster; in the parent of a gateway without a cluster it
 * is the other data planes.
 */
import type { Timers } from "@bifrost/shared/domain/time";
import { MalformedBytes } from "../gossip/bytes.ts";
import type { Member, NodeId } from "../gossip/member.ts";
import type { Membership } from "../gossip/membership.ts";
import {
  COUNT_BYTES,
  decodePacket,
  decodeRequest,
  encodeClaims,
  encodeGrants,
  encodePacket,
  HEAD_BYTES,
  type LimitPacket,
  type StartTotals,
} from "./limit-codec.ts";
import { holderOf, LeaseDesk } from "./lease-desk.ts";
import { LeaseOwner } from "./lease-owner.ts";
import {
  AT_ONCE_MS,
  REPORT_USE_MS,
  type LimitsFromPlane,
  type LimitsToPlane,
} from "./limit-messages.ts";
import { Soonest } from "./soonest.ts";
import { Standing } from "./standing.ts";
import type { TotalUse } from "./key-counts.ts";
import { UseCounts } from "./use-counts.ts";

export interface LimitsNodeOptions {
  readonly timers: Timers;
  /** null = there is no cluster. */
  readonly membership: Membership | null;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly send: (plane: number, message: LimitsToPlane) => void;
  /**
   * How long a silent node counts as one that may be cut off and go on: so long the sides of a partition together stay within
   * each limit, and so long a host that is lost for good makes the limits of the others smaller by its share.
   */
  readonly keepUnreachableMs?: number;
}

const KEEP_UNREACHABLE_MS = 600_000;
/** A node that starts looks so long for others before it lends as if there were none. */
const LOOK_MS = 1000;
const SWEEP_MS = 5000;
/** How often planes are told of what changed. */
const TELL_MS = REPORT_USE_MS / 2;
/** How often other nodes are told of what changed. */
const TELL_NODES_MS = 100;
const MAX_PACKETS = 8;
/** Keys in what a node that knows nothing is told. */
const MAX_STATE = 1000;
const EPOCHS = 2 ** 32;
/** The only one of a node without a cluster. */
const ALONE = "";

export class LimitsNode {
  private readonly options: LimitsNodeOptions;
  private readonly timers: Timers;
  private readonly planes = new Set<number>();
  private readonly shared: UseCounts;
  private readonly split: UseCounts;
  private readonly standing: Standing;
  private readonly owner: LeaseOwner;
  private readonly desk: LeaseDesk;
  /** Tells this start of the node from those before. */
  private readonly epoch: number;
  private readonly telling: Soonest;
  private readonly tellingAtOnce: Soonest;
  private isTellingNodes = false;
  private isSweeping = false;

  constructor(options: LimitsNodeOptions) {
    const { timers, membership, random, keepUnreachableMs = KEEP_UNREACHABLE_MS } = options;
    this.options = options;
    this.timers = timers;
    const now = timers.now();
    this.shared = new UseCounts(now);
    this.split = new UseCounts(now);
    const times = { keepMs: keepUnreachableMs, lookMs: membership === null ? 0 : LOOK_MS };
    this.epoch = Math.floor(random() * EPOCHS);
    this.standing = new Standing(membership?.self ?? ALONE, times, now);
    this.telling = new Soonest(timers, () => this.tell());
    this.tellingAtOnce = new Soonest(timers, () => this.tellNodesAtOnce());
    const { standing } = this;
    this.owner = new LeaseOwner({ timers, standing, membership });
    this.desk = new LeaseDesk({
      timers,
      standing,
      membership,
      owner: this.owner,
      answer: (plane, answers) => options.send(plane, { kind: "leases", answers }),
    });
    if (membership !== null) this.meet(membership);
  }

  heard(plane: number, message: LimitsFromPlane): void {
    if (message.kind === "gone") return this.gone(plane);
    if (!this.planes.has(plane)) {
      this.planes.add(plane);
      this.options.send(plane, this.reach);
    }
    if (message.kind === "ask") this.desk.ask(plane, message.asks);
    if (message.kind === "used") {
      const now = this.timers.now();
      const isSharedUrgent = this.shared.used(plane, message.shared, now);
      const isSplitUrgent = this.split.used(plane, message.split, now);
      this.telling.within(isSharedUrgent || isSplitUrgent ? 0 : TELL_MS);
      if (isSharedUrgent) this.tellingAtOnce.within(0);
      this.tellNodesLater();
    }
    return this.sweepLater();
  }

  /** Keys that are remembered. */
  get keys(): number {
    return this.shared.size + this.split.size + this.owner.ledger.size;
  }

  /** Keys whose tokens this node lends. */
  get lentKeys(): number {
    return this.owner.ledger.size;
  }

  /** Gives what it lends to others; to be awaited before the node says goodbye. */
  leave(): Promise<void> {
    return this.owner.leave();
  }

  private meet(membership: Membership): void {
    for (const member of membership.members()) this.standing.see(member, this.timers.now());
    membership.onChange((member) => this.saw(member));
    membership.on("limits", {
      onMessage: (from, body) => ignoringMalformed(() => this.packet(from, decodePacket(body))),
      onRequest: (from, body) => this.request(from, body),
      state: () => this.state(),
      onState: (from, body) => ignoringMalformed(() => this.packet(from, decodePacket(body))),
    });
  }

  private saw(member: Member): void {
    const { id } = member;
    const now = this.timers.now();
    const { reach } = this.standing;
    if (!this.standing.see(member, now)) return;
    this.shared.accrue(reach, now);
    if (!this.standing.isLive(id)) {
      this.shared.stop((start) => start.startsWith(`${id}#`), now);
      this.owner.forget(id);
      this.desk.lost(id);
      this.telling.within(TELL_MS);
    }
    this.owner.changed();
    this.tellReach();
  }

  private get reach(): LimitsToPlane {
    const { reach, size } = this.standing;
    return { kind: "reach", shared: reach, split: 1 / Math.max(1, size) };
  }

  private tellReach(): void {
    for (const plane of this.planes) this.options.send(plane, this.reach);
  }

  private packet(from: NodeId, packet: LimitPacket): void {
    if (packet.kind !== "counts") return this.owner.packet(from, packet);
    const now = this.timers.now();
    const { self } = this.standing;
    let isUrgent = false;
    for (const { node, epoch, clock, totals } of packet.starts) {
      if (node === self && epoch === this.epoch) continue;
      // It counts once it takes part again: until then its side has a part of its own.
      if (this.standing.isSilent(node)) continue;
      const isLive = this.standing.isLive(node);
      const start = { start: `${node}#${epoch}`, clock, isLive };
      if (this.shared.merge(start, totals, now)) isUrgent = true;
    }
    this.sweepLater();
    return this.telling.within(isUrgent ? AT_ONCE_MS : TELL_MS);
  }

  private async request(from: NodeId, body: Uint8Array): Promise<Uint8Array> {
    const request = decodeRequest(body);
    this.sweepLater();
    if (request.kind === "claim") return encodeClaims(this.owner.claimed(from, request.keys));
    if (request.kind === "hand-over") {
      this.owner.handedOver(request.accounts);
      return new Uint8Array();
    }
    const grants = request.asks.map(({ hash, plane, ...ask }) =>
      this.owner.grant(hash, holderOf(from, plane), ask),
    );
    return encodeGrants(await Promise.all(grants));
  }

  private state(): Uint8Array {
    if (this.shared.size === 0) return new Uint8Array();
    const self = `${this.standing.self}#${this.epoch}`;
    const starts = [...this.shared.all(MAX_STATE, self, this.timers.now())].map(
      ([start, known]): StartTotals => {
        const at = start.lastIndexOf("#");
        return { node: start.slice(0, at), epoch: Number(start.slice(at + 1)), ...known };
      },
    );
    return encodePacket({ kind: "counts", starts });
  }

  private gone(plane: number): void {
    this.planes.delete(plane);
    this.shared.planeGone(plane);
    this.split.planeGone(plane);
    this.owner.planeGone(holderOf(this.standing.self, plane));
  }

  private tell(): void {
    const now = this.timers.now();
    const shared = this.shared.takeNews(this.planes, now);
    const split = this.split.takeNews(this.planes, now);
    for (const plane of this.planes) {
      const message = { shared: shared.get(plane) ?? [], split: split.get(plane) ?? [] };
      if (message.shared.length + message.split.length === 0) continue;
      this.options.send(plane, { kind: "elsewhere", ...message });
    }
    if (this.shared.isActive || this.split.isActive) this.telling.within(TELL_MS);
  }

  private tellNodesLater(): void {
    const { membership } = this.options;
    if (membership === null || this.isTellingNodes || !this.shared.hasUntold) return;
    this.isTellingNodes = true;
    this.timers.after(TELL_NODES_MS, () => {
      this.isTellingNodes = false;
      this.tellNodes(membership);
      this.tellNodesLater();
    });
  }

  private tellNodesAtOnce(): void {
    const { membership } = this.options;
    if (membership === null) return;
    const most = countsIn(membership);
    this.sendTotals(membership, this.shared.takeUrgent(most), most);
  }

  private tellNodes(membership: Membership): void {
    const most = countsIn(membership);
    this.sendTotals(membership, this.shared.takeTotals(most * MAX_PACKETS), most);
  }

  private sendTotals(membership: Membership, all: readonly TotalUse[], most: number): void {
    const [node, epoch, clock] = [this.standing.self, this.epoch, this.timers.now()];
    for (let from = 0; from < all.length; from += most) {
      const starts = [{ node, epoch, clock, totals: all.slice(from, from + most) }];
      const body = encodePacket({ kind: "counts", starts });
      for (const to of this.standing.others) membership.send(to, "limits", body);
    }
  }

  private sweepLater(): void {
    if (this.isSweeping) return;
    this.isSweeping = true;
    this.timers.after(SWEEP_MS, () => {
      this.isSweeping = false;
      const now = this.timers.now();
      for (const part of [this.shared, this.split, this.owner]) part.sweep(now);
      if (this.standing.sweep(now)) this.tellReach();
      const isAlone = this.standing.others.length + 1 === this.standing.size;
      if (this.keys > 0 || !isAlone) this.sweepLater();
    });
  }
}

/** Counts in one packet. */
function countsIn({ maxMessageBytes }: Membership): number {
  return Math.floor((maxMessageBytes - HEAD_BYTES) / COUNT_BYTES);
}

/** What is no message of limits changes nothing. */
function ignoringMalformed(task: () => void): void {
  try {
    task();
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
  }
}
