/** Brings one replica's samples to the store: what matters at once, the rest now and then, never two writes at a time. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import { NEEDED_PASSES, type Replica } from "@bifrost/shared/domain/replica";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";

/** Longest time a stored sample lags behind when only its figures change. */
export const FIGURES_EVERY_MS = 5000;

/** First and longest pause after a failed write. */
const RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;

export interface WriterEvents {
  onWritten(): void;
  onFailed(error: unknown): void;
}

export class ReplicaWriter {
  private readonly deploymentId: string;
  private readonly store: ReplicaStore;
  private readonly timers: Timers;
  private readonly events: WriterEvents;
  private latest: Replica | null = null;
  private written: Replica | null = null;
  private writtenAt = -Infinity;
  private isWriting = false;
  private isStopped = false;
  private retryMs = 0;
  private timer: Timer | null = null;

  constructor(deploymentId: string, store: ReplicaStore, timers: Timers, events: WriterEvents) {
    this.deploymentId = deploymentId;
    this.store = store;
    this.timers = timers;
    this.events = events;
  }

  offer(replica: Replica): void {
    this.latest = replica;
    this.consider();
  }

  /** No further writes; one under way ends by itself. */
  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
  }

  private consider(): void {
    const { latest } = this;
    if (this.isStopped || this.isWriting || latest === null || latest === this.written) return;
    this.timer?.cancel();
    this.timer = null;
    const waitMs = this.waitMs(latest);
    if (waitMs > 0) this.timer = this.timers.after(waitMs, () => this.consider());
    else void this.write(latest);
  }

  private waitMs(latest: Replica): number {
    const sinceWrite = this.timers.now() - this.writtenAt;
    if (this.retryMs > 0) return this.retryMs - sinceWrite;
    return isNews(this.written, latest) ? 0 : FIGURES_EVERY_MS - sinceWrite;
  }

  private async write(replica: Replica): Promise<void> {
    this.isWriting = true;
    try {
      await this.store.put(this.deploymentId, replica);
      this.written = replica;
      this.retryMs = 0;
      this.events.onWritten();
    } catch (error) {
      this.retryMs = Math.min(Math.max(RETRY_MS, this.retryMs * 2), MAX_RETRY_MS);
      this.events.onFailed(error);
    }
    this.writtenAt = this.timers.now();
    this.isWriting = false;
    this.consider();
  }
}

/** Whether a decision elsewhere may hang on the difference. */
export function isNews(before: Replica | null, now: Replica): boolean {
  if (before === null) return true;
  return (
    before.healthy !== now.healthy ||
    before.lastResult !== now.lastResult ||
    before.restarts !== now.restarts ||
    countedPasses(before) !== countedPasses(now)
  );
}

function countedPasses(replica: Replica): number {
  return Math.min(replica.consecutivePasses, NEEDED_PASSES);
}
