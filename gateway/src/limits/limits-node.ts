/**
 * The node's part of limits: it gathers what its data planes used and tells each what goes on elsewhere. In a gossip process
 * elsewhere is the whole cluster; in the parent of a gateway without a cluster it is the other data planes.
 */
import type { Timers } from "@bifrost/shared/domain/time";
import { hashOf } from "./key-counts.ts";
import { LeaseLedger } from "./lease-ledger.ts";
import {
  REPORT_USE_MS,
  type LeaseAsk,
  type LimitsFromPlane,
  type LimitsHost,
  type LimitsToPlane,
} from "./limit-messages.ts";
import { UseCounts } from "./use-counts.ts";

const SWEEP_MS = 5000;

export class LimitsNode implements LimitsHost {
  private readonly timers: Timers;
  private readonly planes = new Set<number>();
  private readonly shared: UseCounts;
  private readonly split: UseCounts;
  private readonly ledger = new LeaseLedger();
  private send: (plane: number, message: LimitsToPlane) => void = () => undefined;
  private isTelling = false;
  private isSweeping = false;

  constructor(timers: Timers) {
    this.timers = timers;
    this.shared = new UseCounts(timers.now());
    this.split = new UseCounts(timers.now());
  }

  connect(send: (plane: number, message: LimitsToPlane) => void): void {
    this.send = send;
  }

  heard(plane: number, message: LimitsFromPlane): void {
    if (message.kind === "gone") return this.gone(plane);
    this.planes.add(plane);
    if (message.kind === "ask") this.lend(plane, message.asks);
    if (message.kind !== "used") return;
    const now = this.timers.now();
    this.shared.used(plane, message.shared, now);
    this.split.used(plane, message.split, now);
    this.tellLater();
  }

  private gone(plane: number): void {
    this.planes.delete(plane);
    this.shared.planeGone(plane);
    this.split.planeGone(plane);
    this.ledger.gone((holder) => holder === String(plane));
  }

  private lend(plane: number, asks: readonly LeaseAsk[]): void {
    const now = this.timers.now();
    const answers = asks.map(({ scope, key, ...ask }) => {
      const hash = hashOf(scope, key);
      if (!this.ledger.has(hash)) this.ledger.open(hash, ask, 1, now);
      return { scope, key, ...this.ledger.ask(hash, String(plane), ask, now) };
    });
    this.send(plane, { kind: "leases", answers });
    this.sweepLater();
  }

  private tellLater(): void {
    this.sweepLater();
    if (this.isTelling) return;
    this.isTelling = true;
    this.timers.after(REPORT_USE_MS / 2, () => {
      this.isTelling = false;
      this.tell();
      if (this.shared.isActive || this.split.isActive) this.tellLater();
    });
  }

  private tell(): void {
    const now = this.timers.now();
    const shared = this.shared.takeNews(this.planes, now);
    const split = this.split.takeNews(this.planes, now);
    for (const plane of this.planes) {
      const message = { shared: shared.get(plane) ?? [], split: split.get(plane) ?? [] };
      if (message.shared.length + message.split.length === 0) continue;
      this.send(plane, { kind: "elsewhere", ...message });
    }
  }

  private sweepLater(): void {
    if (this.isSweeping) return;
    this.isSweeping = true;
    this.timers.after(SWEEP_MS, () => {
      this.isSweeping = false;
      const now = this.timers.now();
      for (const part of [this.shared, this.split, this.ledger]) part.sweep(now);
      if (this.shared.size + this.split.size + this.ledger.size > 0) this.sweepLater();
    });
  }
}
