/** The writers of all replicas: what they share, what they count, and their end. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";
import type { Life } from "./life.ts";
import { ReplicaWriter, type WriterEvents } from "./replica-writer.ts";
import { WriteQueue } from "./write-queue.ts";

/** How often the end of the last writes is looked for. */
const DRAIN_LOOK_MS = 20;

interface ReplicaWritersOptions {
  readonly store: ReplicaStore;
  readonly timers: Timers;
  readonly log: Logger;
  readonly writesAtOnce: number;
}

export class ReplicaWriters {
  readonly metrics = { written: 0, superseded: 0, removed: 0, failed: 0 };
  private readonly options: ReplicaWritersOptions;
  private readonly queue: WriteQueue;
  private readonly open = new Set<ReplicaWriter>();

  constructor(options: ReplicaWritersOptions) {
    this.options = options;
    this.queue = new WriteQueue(options.writesAtOnce);
  }

  get state(): { readonly running: number; readonly waiting: number } {
    return { running: this.queue.running, waiting: this.queue.waiting };
  }

  /** `life`: of the replica's sidecar. */
  add(deploymentId: string, life: Life): ReplicaWriter {
    const { store, timers } = this.options;
    const events = this.eventsOf(deploymentId);
    const isOver = (boot: number): boolean => life.isOver(boot);
    const { queue } = this;
    const writer = new ReplicaWriter({ deploymentId, store, timers, queue, events, isOver });
    this.open.add(writer);
    return writer;
  }

  /** The replica is gone. */
  forget(writer: ReplicaWriter): void {
    this.open.delete(writer);
    writer.forget();
  }

  /** Stores what is not stored yet, for at most `graceMs`; nothing is written by itself afterwards. */
  async stop(graceMs: number): Promise<void> {
    const writers = [...this.open];
    if (graceMs > 0) for (const writer of writers) writer.hurry();
    for (let leftMs = graceMs; leftMs > 0; leftMs -= DRAIN_LOOK_MS) {
      if (writers.every((writer) => writer.isSettled)) break;
      await this.options.timers.sleep(Math.min(leftMs, DRAIN_LOOK_MS));
    }
    for (const writer of writers) writer.stop();
  }

  private eventsOf(deploymentId: string): WriterEvents {
    const { metrics } = this;
    return {
      onWritten: () => metrics.written++,
      onSuperseded: () => metrics.superseded++,
      onRemoved: () => metrics.removed++,
      onFailed: (error, isFirst) => {
        metrics.failed++;
        if (!isFirst) return;
        this.options.log.warn("replica not stored", { deploymentId, error: messageOf(error) });
      },
    };
  }
}
