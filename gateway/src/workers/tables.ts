/** What the parent knows and every data plane follows. */
import type { RouteTable } from "@bifrost/shared/domain/route";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";
import { NO_POLICIES, type PolicySet } from "./policy-runtime.ts";

export interface Tables {
  /** null = not heard of yet. */
  readonly routes: RouteTable | null;
  readonly backends: BackendTable | null;
  /** Addresses that are unhealthy, as their sidecars say, or whose hosts are lost: tried last. */
  readonly avoided: ReadonlySet<string>;
  /** Addresses in other regions: tried after those of this gateway's own. */
  readonly distant: ReadonlySet<string>;
  readonly policies: PolicySet;
}

/** The tables that changed, whole. */
export type TableUpdate = Partial<Tables>;

export const NO_TABLES: Tables = {
  routes: null,
  backends: null,
  avoided: new Set(),
  distant: new Set(),
  policies: NO_POLICIES,
};

/** A rollout changes the tables many times a second; nobody needs more of them than this. */
const EVERY_MS = 20;

/** Passes updates on: the first at once, those that follow it closely together. */
export class CoalescedUpdates {
  private waiting: TableUpdate = {};
  private timer: Timer | null = null;
  private sentAt = -Infinity;
  private readonly timers: Timers;
  private readonly send: (update: TableUpdate) => void;

  constructor(timers: Timers, send: (update: TableUpdate) => void) {
    this.timers = timers;
    this.send = send;
  }

  offer(update: TableUpdate): void {
    this.waiting = { ...this.waiting, ...update };
    if (this.timer !== null) return;
    const restMs = this.sentAt + EVERY_MS - this.timers.now();
    if (restMs > 0) this.timer = this.timers.after(restMs, () => this.flush());
    else this.flush();
  }

  stop(): void {
    this.timer?.cancel();
  }

  private flush(): void {
    const update = this.waiting;
    this.waiting = {};
    this.timer = null;
    this.sentAt = this.timers.now();
    this.send(update);
  }
}
