/**
 * A request whose policies wait for the answer of a limit: it keeps its place on the connection, where what follows it stays
 * unread, until they decide. What is not known after a second counts as over the limit.
 */
import type { Timer } from "@bifrost/shared/domain/time";
import type { ExchangeClient } from "./exchange-client.ts";
import type { WaitingPlan } from "./plan-request.ts";
import type { ProxyServices } from "./services.ts";

const LONGEST_WAIT_MS = 1000;

export interface WaitingOptions {
  readonly plan: WaitingPlan;
  readonly services: Pick<ProxyServices, "timers" | "pool" | "metrics">;
}

export class WaitingExchange {
  readonly wantsBody = false;
  readonly hasWholeRequest = false;
  readonly isEventStream = false;
  readonly pageEdit = null;
  private readonly client: ExchangeClient;
  private readonly services: WaitingOptions["services"];
  private readonly timer: Timer;
  private plan: WaitingPlan;
  private isOver = false;

  constructor(client: ExchangeClient, { plan, services }: WaitingOptions) {
    this.client = client;
    this.services = services;
    this.plan = plan;
    this.timer = services.timers.after(LONGEST_WAIT_MS, () => this.goOn(false));
  }

  start(): void {
    this.services.metrics.waited++;
    this.client.onPhase("waiting");
    this.wait();
  }

  feed(data: Buffer): number {
    return data.length;
  }

  clientDrained(): void {}

  clientEnded(): void {}

  timedOut(): void {}

  /** The client is gone. */
  abort(): void {
    this.isOver = true;
    this.timer.cancel();
  }

  private wait(): void {
    const { turnEnd } = this.services.pool;
    // Not at once: however often a limit is still not known, the event loop goes round in between.
    const again = (): void => turnEnd.add(() => this.goOn(true));
    this.plan.known.then(again, again);
  }

  private goOn(mayWait: boolean): void {
    if (this.isOver) return;
    const plan = this.plan.goOn(mayWait);
    if (plan.kind === "waits") {
      this.plan = plan;
      this.wait();
      return;
    }
    this.abort();
    this.client.onPlanned(plan);
  }
}
