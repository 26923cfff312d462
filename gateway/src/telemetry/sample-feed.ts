/** Offers every new sample to whoever subscribed, later and in batches: no listener holds the collector up or harms it. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Replica } from "@bifrost/shared/domain/replica";
import type { TelemetryLine } from "@bifrost/shared/domain/telemetry";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";

export interface TakenSample {
  readonly deploymentId: string;
  readonly line: TelemetryLine;
  readonly replica: Replica;
}

/** Gets the next batch when the promise it returned is settled. */
export type SampleListener = (samples: readonly TakenSample[]) => void | Promise<void>;

/** Samples kept for a listener that is behind; then it misses the oldest. */
const MAX_WAITING = 8192;
const MAX_BATCH = 512;

export class SampleFeed {
  private readonly timers: Timers;
  private readonly log: Logger;
  private readonly subscriptions = new Set<Subscription>();
  /** Samples that a listener missed because it was behind. */
  missed = 0;
  /** Batches that a listener failed on. */
  failed = 0;

  constructor(timers: Timers, log: Logger) {
    this.timers = timers;
    this.log = log;
  }

  /** The returned function ends the subscription. */
  subscribe(listener: SampleListener): () => void {
    const subscription: Subscription = { listener, waiting: [], isBusy: false };
    this.subscriptions.add(subscription);
    return () => {
      this.subscriptions.delete(subscription);
      subscription.waiting.length = 0;
    };
  }

  publish(sample: TakenSample): void {
    for (const subscription of this.subscriptions) {
      subscription.waiting.push(sample);
      if (subscription.waiting.length > MAX_WAITING) {
        subscription.waiting.shift();
        this.missed++;
      }
      if (subscription.isBusy) continue;
      subscription.isBusy = true;
      this.timers.after(0, () => void this.deliver(subscription));
    }
  }

  private async deliver(subscription: Subscription): Promise<void> {
    try {
      await subscription.listener(subscription.waiting.splice(0, MAX_BATCH));
    } catch (error) {
      this.failed++;
      this.log.error("a listener failed on samples", { error: messageOf(error) });
    }
    subscription.isBusy = subscription.waiting.length > 0;
    if (subscription.isBusy) this.timers.after(0, () => void this.deliver(subscription));
  }
}

interface Subscription {
  readonly listener: SampleListener;
  readonly waiting: TakenSample[];
  isBusy: boolean;
}
