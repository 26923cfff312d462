/**
 * The lending side of strict limits: this node lends the tokens of the keys it owns. It lends what time gives in proportion to
 * the votes it has (see votes.ts), begins with what the former owner had left, and with nothing where that one is lost.
 */
import type { Timers } from "@bifrost/shared/domain/time";
import type { NodeId } from "../gossip/member.ts";
import type { Membership } from "../gossip/membership.ts";
import type { KeyHash } from "./key-counts.ts";
import {
  decodeClaims,
  encodePacket,
  encodeRequest,
  KEY_BYTES,
  type Account,
  type Claimed,
  type KeyLimit,
  type LimitPacket,
  type WireGrant,
} from "./limit-codec.ts";
import { LeaseLedger, type AccountAsk } from "./lease-ledger.ts";
import { VOTE_MS, type Standing } from "./standing.ts";
import { Votes } from "./votes.ts";

/** How often the others are asked for their votes while anything is lent. */
const POLL_MS = 200;
/** How long a first loan waits for them. */
const FIRST_VOTES_MS = 100;
/** How often the next owner is told what is lent. */
const LENT_MS = 100;
/** It is told twice: messages may be lost. */
const LENT_REPEATS = 2;
/** How long what another node lends is remembered beyond the time that fills its bucket. */
const LENT_EXTRA_MS = 3000;
/** How long whoever asks the former owner of a key that was handed over is sent away. */
const MOVED_MS = 5000;
const CLAIM_MS = 500;
/** While an owner is out of reach it is asked again within this. */
const OUT_OF_REACH_MS = 700;
/** Claims of one moment go together. */
const GATHER_MS = 2;
/** Keys of other owners that are remembered. */
const MAX_LENT = 131_072;
const MAX_PACKETS = 8;

export interface LeaseOwnerOptions {
  readonly timers: Timers;
  readonly standing: Standing;
  /** null = there is no cluster. */
  readonly membership: Membership | null;
}

export class LeaseOwner {
  readonly ledger = new LeaseLedger();
  private readonly timers: Timers;
  private readonly standing: Standing;
  private readonly membership: Membership | null;
  private readonly votes = new Votes();
  /** When this node last spoke for another one. */
  private readonly votedAt = new Map<NodeId, number>();
  /** What this node lends to its own planes while an owner is out of reach. */
  private readonly ownShare = new LeaseLedger();
  /** What others lend that would be this node's next; until when that matters. */
  private readonly lentElsewhere = new Map<KeyHash, number>();
  /** To whom keys went that others may still ask for here. */
  private readonly moved = new Map<KeyHash, { readonly to: NodeId; readonly until: number }>();
  /** Accounts that are being opened. */
  private readonly opening = new Map<KeyHash, Promise<void>>();
  /** What the next owners are still to be told. */
  private readonly untold = new Map<KeyHash, number>();
  private claiming: { keys: KeyHash[]; answers: Promise<ReadonlyMap<KeyHash, Claimed>> } | null =
    null;
  private polledAt = -Infinity;
  private lentOwnAt = -Infinity;
  private isPolling = false;
  private isTelling = false;

  constructor({ timers, standing, membership }: LeaseOwnerOptions) {
    this.timers = timers;
    this.standing = standing;
    this.membership = membership;
  }

  /** null = this node does not lend this key. */
  async grant(hash: KeyHash, holder: string, ask: AccountAsk): Promise<WireGrant> {
    if (!this.isOwner(hash)) return null;
    if (!this.ledger.has(hash)) await this.open(hash, ask);
    // What was true before may have changed while it was opened.
    if (!this.isOwner(hash) || !this.ledger.has(hash)) return null;
    return this.lend(hash, holder, ask);
  }

  /**
   * This node's own share of a key whose owner is out of reach, once its vote for that one does not count any more: the other
   * votes are what the owner lends by, so that all together never lend more. null = not yet.
   */
  lendOwnShare(owner: NodeId, hash: KeyHash, holder: string, ask: AccountAsk): WireGrant {
    const now = this.timers.now();
    if ((this.votedAt.get(owner) ?? -Infinity) > now - VOTE_MS) return null;
    this.lentOwnAt = now;
    this.lentBy({ ...ask, hash }, now);
    this.ownShare.setPart(1 / Math.max(1, this.standing.size), now);
    // What time gave while the owner could be reached, the owner lent.
    if (!this.ownShare.isUsed(hash, OUT_OF_REACH_MS, now)) this.ownShare.open(hash, ask, 0, now);
    return this.ownShare.ask(hash, holder, ask, now);
  }

  planeGone(holder: string): void {
    for (const ledger of [this.ledger, this.ownShare]) ledger.gone((one) => one === holder);
  }

  packet(from: NodeId, packet: LimitPacket): void {
    const now = this.timers.now();
    if (packet.kind === "poll" && this.maySpeakFor(from, now)) {
      this.votedAt.set(from, now);
      this.membership?.send(from, "limits", encodePacket({ kind: "vote", at: packet.at }));
    } else if (packet.kind === "vote") this.votes.take(from, packet.at, now);
    else if (packet.kind === "lent") {
      for (const key of packet.keys) this.lentBy(key, now);
    }
  }

  /** Another one lends it: should that one be lost, its bucket is not taken to be full. */
  lentBy({ hash, rate, burst }: KeyLimit, now: number): void {
    // The newest come last.
    this.lentElsewhere.delete(hash);
    this.lentElsewhere.set(hash, now + (burst / rate) * 1000 + LENT_EXTRA_MS);
    const [oldest] = this.lentElsewhere.keys();
    if (this.lentElsewhere.size > MAX_LENT && oldest !== undefined) {
      this.lentElsewhere.delete(oldest);
    }
  }

  /** `from` begins to lend these keys. */
  claimed(from: NodeId, keys: readonly KeyHash[]): readonly Claimed[] {
    const now = this.timers.now();
    this.setPart(now);
    return keys.map((hash) => {
      this.moved.set(hash, { to: from, until: now + MOVED_MS });
      const account = this.ledger.handOver(hash, now);
      if (account !== null) return { level: account.level };
      return this.opening.has(hash) || this.isLentElsewhere(hash, now) ? "lent" : "unknown";
    });
  }

  /** Another node lends these no more: this one is next. */
  handedOver(accounts: readonly Account[]): void {
    const now = this.timers.now();
    for (const { hash, level, ...limit } of accounts) {
      const own = this.ledger.handOver(hash, now);
      this.ledger.restore(hash, limit, Math.min(limit.burst, level + (own?.level ?? 0)), now);
    }
    this.begin();
  }

  /** After a change of the cluster: the next owners of what is lent may be others now. */
  changed(): void {
    for (const hash of this.ledger.keys()) this.untold.set(hash, LENT_REPEATS);
    this.setPart(this.timers.now());
    this.tellLater();
  }

  forget(node: NodeId): void {
    this.votes.forget(node);
    for (const [hash, { to }] of this.moved) if (to === node) this.moved.delete(hash);
  }

  /** Gives everything to the next owners; this node lends nothing from now on. */
  async leave(): Promise<void> {
    const { membership, standing, timers } = this;
    if (membership === null) return;
    const now = timers.now();
    this.setPart(now);
    standing.leave();
    const accounts = new Map<NodeId, Account[]>();
    for (const hash of this.ledger.keys()) {
      const account = this.ledger.handOver(hash, now);
      const { owner } = standing.ownerOf(hash, now);
      if (account === null || owner === null) continue;
      accounts.set(owner, [...(accounts.get(owner) ?? []), { hash, ...account }]);
    }
    const handed = [...accounts].map(([to, all]) => {
      const body = encodeRequest({ kind: "hand-over", accounts: all });
      return membership.request(to, "limits", body, CLAIM_MS);
    });
    // What does not arrive is lost, which gives nobody too many.
    await Promise.allSettled(handed);
  }

  sweep(now: number): void {
    this.setPart(now);
    this.ledger.sweep(now);
    this.ownShare.sweep(now);
    for (const [hash, until] of this.lentElsewhere) {
      if (until <= now) this.lentElsewhere.delete(hash);
    }
    for (const [node, at] of this.votedAt) if (at <= now - VOTE_MS) this.votedAt.delete(node);
    for (const [hash, { until }] of this.moved) if (until <= now) this.moved.delete(hash);
  }

  /** Who lends a share of its own has none to speak for another one with. */
  private maySpeakFor(node: NodeId, now: number): boolean {
    return this.standing.isLive(node) && this.lentOwnAt <= now - OUT_OF_REACH_MS;
  }

  private isOwner(hash: KeyHash): boolean {
    const now = this.timers.now();
    const { owner } = this.standing.ownerOf(hash, now);
    return owner === this.standing.self && (this.moved.get(hash)?.until ?? 0) <= now;
  }

  private lend(hash: KeyHash, holder: string, ask: AccountAsk): WireGrant {
    const now = this.timers.now();
    this.setPart(now);
    this.untold.set(hash, LENT_REPEATS);
    this.begin();
    return this.ledger.ask(hash, holder, ask, now);
  }

  private open(hash: KeyHash, limit: AccountAsk): Promise<void> {
    const underWay = this.opening.get(hash);
    if (underWay !== undefined) return underWay;
    const opened = this.begun(hash, limit).finally(() => this.opening.delete(hash));
    this.opening.set(hash, opened);
    return opened;
  }

  private async begun(hash: KeyHash, limit: AccountAsk): Promise<void> {
    await this.firstVotes();
    const claimed = await this.claim(hash, limit);
    const now = this.timers.now();
    this.setPart(now);
    if (this.ledger.has(hash)) return;
    if (claimed === "lent" || this.isLentElsewhere(hash, now))
      this.ledger.open(hash, limit, 0, now);
    else if (claimed === "unknown") this.openUnknown(hash, limit, now);
    else this.ledger.restore(hash, limit, Math.min(limit.burst, claimed.level), now);
  }

  /** Nobody here knows it. A silent owner may: then no more is there than what time gave since. */
  private openUnknown(hash: KeyHash, limit: AccountAsk, now: number): void {
    const part = this.part(now);
    const passedOnAt = this.standing.takenOverAt(hash);
    const given = ((now - (passedOnAt ?? -Infinity)) / 1000) * limit.rate * part;
    if (passedOnAt === null || given >= limit.burst * part)
      this.ledger.open(hash, limit, part, now);
    else this.ledger.restore(hash, limit, Math.max(0, given), now);
  }

  /** What the others know of a key, where it may have been another's a short time ago. */
  private async claim(hash: KeyHash, { rate, burst }: AccountAsk): Promise<Claimed> {
    const { membership, standing, timers } = this;
    if (membership === null) return "unknown";
    // By now a bucket that anybody had would be full again.
    const fullMs = (burst / rate) * 1000 + LENT_EXTRA_MS;
    if (standing.changedAt < timers.now() - fullMs) return "unknown";
    this.claiming ??= this.gatherClaims(membership);
    this.claiming.keys.push(hash);
    const answers = await this.claiming.answers;
    return answers.get(hash) ?? "lent";
  }

  private gatherClaims(membership: Membership) {
    const keys: KeyHash[] = [];
    const answers = this.timers.sleep(GATHER_MS).then(async () => {
      this.claiming = null;
      const body = encodeRequest({ kind: "claim", keys });
      const asked = this.standing.others.map((to) =>
        membership
          .request(to, "limits", body, CLAIM_MS)
          .then(decodeClaims)
          .catch(() => null),
      );
      return together(keys, await Promise.all(asked));
    });
    return { keys, answers };
  }

  private isLentElsewhere(hash: KeyHash, now: number): boolean {
    return (this.lentElsewhere.get(hash) ?? 0) > now;
  }

  /** Of each limit, what this node may lend now. */
  private part(now: number): number {
    if (this.membership === null) return 1;
    return Math.min(1, this.votes.count(now) / Math.max(1, this.standing.size));
  }

  private setPart(now: number): void {
    this.ledger.setPart(this.part(now), now);
  }

  private async firstVotes(): Promise<void> {
    const { timers, standing } = this;
    this.begin();
    const end = timers.now() + FIRST_VOTES_MS;
    for (;;) {
      const now = timers.now();
      if (now >= end || standing.others.every((id) => this.votes.has(id, now))) return;
      await timers.sleep(GATHER_MS);
    }
  }

  private begin(): void {
    if (this.membership === null) return;
    this.tellLater();
    if (this.polledAt <= this.timers.now() - POLL_MS) this.poll(this.membership);
    if (this.isPolling) return;
    this.isPolling = true;
    this.pollLater(this.membership);
  }

  private pollLater(membership: Membership): void {
    this.timers.after(POLL_MS, () => {
      if (this.ledger.size === 0 && this.opening.size === 0) {
        this.isPolling = false;
        return;
      }
      this.poll(membership);
      this.pollLater(membership);
    });
  }

  private poll(membership: Membership): void {
    const now = this.timers.now();
    // A share that ends is ended before time gives more by it.
    this.setPart(now);
    this.polledAt = now;
    const body = encodePacket({ kind: "poll", at: now });
    for (const to of this.standing.others) membership.send(to, "limits", body);
  }

  private tellLater(): void {
    const { membership } = this;
    if (membership === null || this.isTelling || this.untold.size === 0) return;
    this.isTelling = true;
    this.timers.after(LENT_MS, () => {
      this.isTelling = false;
      this.tellNext(membership);
      this.tellLater();
    });
  }

  private tellNext(membership: Membership): void {
    const now = this.timers.now();
    const most = Math.floor((membership.maxMessageBytes - 8) / KEY_BYTES);
    const lists = new Map<NodeId, KeyLimit[]>();
    for (const [hash, times] of this.untold) {
      const limit = this.ledger.limitOf(hash);
      const { owner, next } = this.standing.ownerOf(hash, now);
      if (times <= 1 || limit === null) this.untold.delete(hash);
      else this.untold.set(hash, times - 1);
      if (limit === null || next === null || owner !== this.standing.self) continue;
      const keys = lists.get(next) ?? [];
      if (keys.length >= most * MAX_PACKETS) continue;
      keys.push({ hash, rate: limit.rate, burst: limit.burst });
      lists.set(next, keys);
    }
    for (const [to, keys] of lists) {
      for (let from = 0; from < keys.length; from += most) {
        const body = encodePacket({ kind: "lent", keys: keys.slice(from, from + most) });
        membership.send(to, "limits", body);
      }
    }
  }
}

/** What all say: the level of the one that lent it; else that somebody does; else that nobody knows it. */
function together(
  keys: readonly KeyHash[],
  answers: readonly (readonly Claimed[] | null)[],
): ReadonlyMap<KeyHash, Claimed> {
  return new Map(
    keys.map((hash, index) => {
      const said = answers.map((claims) => claims?.[index] ?? "lent");
      const level = said.find((claimed) => typeof claimed === "object");
      return [hash, level ?? (said.includes("lent") ? "lent" : "unknown")];
    }),
  );
}
