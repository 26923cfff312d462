/** Tells the other nodes of a cluster what this one serves, and hears of theirs: channel `traffic`. */
import type { ClusterTraffic } from "@bifrost/shared/api/cluster-traffic";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { NodeId } from "../gossip/member.ts";
import type { Membership } from "../gossip/membership.ts";
import type { RouteTally } from "./route-tally.ts";
import { summarize } from "./summarize.ts";
import { type SlotReport, TrafficBook } from "./traffic-book.ts";
import { decodeReports, encodeReports } from "./traffic-codec.ts";

/** How often others are told, when anything was served. */
const TELL_MS = 2000;
/** Packets to each other node at a time; what finds no room in them is told the next time. */
const MAX_PACKETS = 8;
/** Routes that are tried to be told in one packet; halved until they find room. */
const MOST_ROUTES = 32;
/** What a node that knows nothing is told. */
const MAX_STATE_BYTES = 256 * 1024;

export class TrafficShare {
  private readonly membership: Membership;
  private readonly timers: Timers;
  private readonly book: TrafficBook;
  private timer: Timer;

  /** `epoch`: as this node's metadata tell it. */
  constructor(membership: Membership, timers: Timers, epoch: number) {
    this.membership = membership;
    this.timers = timers;
    this.book = new TrafficBook({ node: membership.self, epoch, now: timers.now() });
    membership.on("traffic", {
      onMessage: (from, body) => this.heard(body, (node) => node === from),
      state: () => this.state(),
      onState: (_from, body) => this.heard(body, (node) => this.isMember(node)),
    });
    this.timer = timers.after(TELL_MS, () => this.tellLater());
  }

  /** What this node served since the last call. */
  take(served: readonly RouteTally[]): void {
    this.book.add(served, this.timers.now());
  }

  summary(): ClusterTraffic {
    return summarize(this.membership.self, this.book.reports(this.timers.now()));
  }

  stop(): void {
    this.timer.cancel();
  }

  private tellLater(): void {
    this.book.forget(this.timers.now(), (node) => this.isMember(node));
    this.tell();
    this.timer = this.timers.after(TELL_MS, () => this.tellLater());
  }

  private tell(): void {
    const { self } = this.membership;
    const others = this.membership
      .members()
      .filter(({ id, state }) => id !== self && state === "alive");
    for (let packet = 0; packet < MAX_PACKETS; packet++) {
      const body = this.nextPacket();
      if (body === null) return;
      // One packet for each costs less than gossip, where every node passes on what each one says.
      for (const { id } of others) this.membership.send(id, "traffic", body);
    }
  }

  /** As many routes as find room; one alone that finds none is left to the exchange of states. null = nothing is new. */
  private nextPacket(): Uint8Array | null {
    let most = MOST_ROUTES;
    for (;;) {
      const reports = this.book.takeUntold(most, this.timers.now());
      if (reports.length === 0) return null;
      const body = encodeReports(reports);
      if (body.length <= this.membership.maxMessageBytes) return body;
      if (most > 1) this.book.putBack(reports);
      most = most > 1 ? Math.floor(most / 2) : MOST_ROUTES;
    }
  }

  private state(): Uint8Array {
    let reports = this.book.reports(this.timers.now());
    while (reports.length > 0) {
      const body = encodeReports(reports);
      if (body.length <= MAX_STATE_BYTES) return body;
      // The newest ones come first.
      reports = reports.slice(0, Math.floor(reports.length / 2));
    }
    return new Uint8Array();
  }

  private heard(body: Uint8Array, mayTell: (node: NodeId) => boolean): void {
    const now = this.timers.now();
    const reports: readonly SlotReport[] = decodeReports(body) ?? [];
    for (const report of reports) if (mayTell(report.node)) this.book.merge(report, now);
  }

  private isMember(node: NodeId): boolean {
    return this.membership.members().some(({ id }) => id === node);
  }
}
