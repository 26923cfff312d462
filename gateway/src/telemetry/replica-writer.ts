/**
 * Brings one replica's samples to the store: what matters soon, the rest now and then, never two writes at a time.
 * Another collector may write the same document when the sidecar moves: each write and the last removal is bound to the
 * version this one knows.
 */
import { BifrostError, isBifrostError } from "@bifrost/shared/domain/errors";
import { NEEDED_PASSES, type Replica } from "@bifrost/shared/domain/replica";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type {
  ReplicaStore,
  ReplicaVersion,
  StoredReplica,
} from "@bifrost/shared/ports/replica-store";
import type { QueuedWrite, WriteQueue } from "./write-queue.ts";

/** Longest time a stored sample lags behind when only its figures change. */
export const FIGURES_EVERY_MS = 5000;

/** A replica that flaps is written that often, each time as it is by then. */
export const NEWS_EVERY_MS = 200;

/** First and longest pause after a failed write. */
const RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;

/** How often a document that changes under our hands is looked at again before it counts as a failure. */
const MAX_LOOKS = 3;

export interface WriterEvents {
  onWritten(): void;
  /** The store has this sample or a later one from another collector. */
  onSuperseded(): void;
  onRemoved(): void;
  /** `isFirst`: the write before it did not fail. */
  onFailed(error: unknown, isFirst: boolean): void;
}

export interface WriterOptions {
  readonly deploymentId: string;
  readonly store: ReplicaStore;
  readonly timers: Timers;
  readonly queue: WriteQueue;
  readonly events: WriterEvents;
  /** Whether that life of the replica's sidecar is known to be over. */
  isOver(boot: number): boolean;
}

export class ReplicaWriter implements QueuedWrite {
  private readonly options: WriterOptions;
  private latest: Replica | null = null;
  /** What needs no writing any more. */
  private settled: Replica | null = null;
  /** Of our own last write. */
  private version: ReplicaVersion | null = null;
  private isWriting = false;
  private isForgotten = false;
  private isHurried = false;
  /** Another collector may have stored a change that this one never saw. */
  private isUnsure = false;
  private retryMs = 0;
  /** What may be written by now. It follows timers alone, so no clock that is set holds anything up. */
  private allowed: "nothing" | "news" | "all" = "all";
  private timer: Timer | null = null;

  constructor(options: WriterOptions) {
    this.options = options;
  }

  offer(replica: Replica): void {
    const { latest } = this;
    // Samples that are missing went elsewhere.
    this.isUnsure ||= latest?.boot === replica.boot && replica.seq > latest.seq + 1;
    this.latest = replica;
    this.consider();
  }

  /** The replica is gone: removes its document unless another collector wrote it since. */
  forget(): void {
    this.isForgotten = true;
    this.consider();
  }

  /** Whether all that was offered is stored, here or by another collector. */
  get isSettled(): boolean {
    return this.latest === this.settled;
  }

  /** Whatever waits is due now, and retried soon. */
  hurry(): void {
    this.isHurried = true;
    this.allow("all");
  }

  /** No further writes by themselves; one under way ends. */
  stop(): void {
    this.timer?.cancel();
    this.latest = null;
    this.version = null;
  }

  async write(): Promise<void> {
    this.isWriting = true;
    if (this.isForgotten) await this.remove();
    else if (this.latest !== null) await this.bring(this.latest);
    this.isWriting = false;
    this.consider();
  }

  private consider(): void {
    if (this.isWriting) return;
    const { latest, settled, isForgotten } = this;
    const { queue } = this.options;
    if (isForgotten) {
      if (this.version !== null) queue.add(this, false);
      return;
    }
    if (latest === null || latest === settled || this.allowed === "nothing") return;
    const isUrgent = this.isUnsure || isNews(settled, latest);
    if (isUrgent || this.allowed === "all") queue.add(this, isUrgent);
  }

  private allow(what: "news" | "all"): void {
    this.allowed = what;
    this.timer?.cancel();
    if (what === "news") this.after(FIGURES_EVERY_MS - NEWS_EVERY_MS, "all");
    this.consider();
  }

  private after(ms: number, what: "news" | "all"): void {
    this.timer = this.options.timers.after(ms, () => this.allow(what));
  }

  private async bring(replica: Replica): Promise<void> {
    const { events } = this.options;
    this.timer?.cancel();
    this.allowed = "nothing";
    this.isUnsure = false;
    try {
      const isWritten = await this.put(replica);
      this.settled = replica;
      this.retryMs = 0;
      this.isUnsure ||= !isWritten;
      if (isWritten) events.onWritten();
      else events.onSuperseded();
      this.after(NEWS_EVERY_MS, "news");
    } catch (error) {
      events.onFailed(error, this.retryMs === 0);
      const longestMs = this.isHurried ? RETRY_MS : MAX_RETRY_MS;
      this.retryMs = Math.min(Math.max(RETRY_MS, this.retryMs * 2), longestMs);
      this.after(this.retryMs, "all");
    }
  }

  /** Whether the sample is stored now, and not one of another collector in its place. */
  private async put(replica: Replica): Promise<boolean> {
    const { store, deploymentId } = this.options;
    for (let look = 0; look < MAX_LOOKS; look++) {
      try {
        this.version = await store.put(deploymentId, replica, this.version);
        return true;
      } catch (error) {
        if (!isBifrostError(error, "write-conflict")) throw error;
      }
      const stored = await store.read(deploymentId, replica.pod);
      this.version = stored?.version ?? null;
      if (stored === null || this.mayReplace(stored, replica)) continue;
      // The same sample came to both collectors, or our own write's answer was lost: it is as good as ours.
      const isSame = stored.boot === replica.boot && stored.seq === replica.seq;
      if (!isSame) this.version = null;
      return isSame;
    }
    const message = `The document of replica ${replica.pod} changed ${MAX_LOOKS} times while it was written`;
    throw new BifrostError("write-conflict", message, { deploymentId });
  }

  private mayReplace(stored: StoredReplica, replica: Replica): boolean {
    if (stored.boot === replica.boot) return replica.seq > stored.seq;
    if (this.options.isOver(stored.boot)) return true;
    return replacesUnknownLife(stored, replica, this.options.timers.now());
  }

  private async remove(): Promise<void> {
    const { store, deploymentId, events } = this.options;
    const { latest, version } = this;
    this.version = null;
    if (latest === null || version === null) return;
    try {
      await store.remove(deploymentId, latest.pod, version);
      events.onRemoved();
    } catch (error) {
      // Its document says itself when nobody believes it any more.
      events.onFailed(error, true);
    }
  }
}

/** Of two lives of which neither is known to follow the other, the one heard last counts, by the collectors' clocks. */
function replacesUnknownLife(stored: StoredReplica, replica: Replica, now: number): boolean {
  const isFromTheFuture = stored.receivedAt > now;
  return isFromTheFuture || replica.receivedAt >= stored.receivedAt;
}

/** Whether a decision elsewhere may hang on the difference. */
function isNews(before: Replica | null, now: Replica): boolean {
  if (before === null) return true;
  return (
    before.boot !== now.boot ||
    before.healthy !== now.healthy ||
    before.proven !== now.proven ||
    before.lastResult !== now.lastResult ||
    before.restarts !== now.restarts ||
    countedPasses(before) !== countedPasses(now)
  );
}

function countedPasses(replica: Replica): number {
  return Math.min(replica.consecutivePasses, NEEDED_PASSES);
}
