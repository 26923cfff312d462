/** Takes in the samples of all sidecars: drops repeated ones, keeps the last per replica, forgets silent replicas. */
import { replicaOf, silenceLimitMs, type TelemetryLine } from "@bifrost/shared/domain/telemetry";
import type { Replica } from "@bifrost/shared/domain/replica";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";
import { ReplicaWriter } from "./replica-writer.ts";

/** More replicas of one deployment than any configuration allows: beyond it a token is being misused. */
const MAX_REPLICAS = 256;

const SWEEP_MS = 1000;

interface Seen {
  boot: number;
  seq: number;
  heardAt: number;
  silenceMs: number;
  replica: Replica;
  readonly writer: ReplicaWriter | null;
}

export interface CollectorOptions {
  /** null = collect without storing. */
  readonly store: ReplicaStore | null;
  readonly timers: Timers;
  readonly log: Logger;
}

export interface CollectorMetrics {
  accepted: number;
  repeated: number;
  refused: number;
  written: number;
  writesFailed: number;
}

export class Collector {
  readonly metrics: CollectorMetrics = {
    accepted: 0,
    repeated: 0,
    refused: 0,
    written: 0,
    writesFailed: 0,
  };
  private readonly options: CollectorOptions;
  private readonly seen = new Map<string, Map<string, Seen>>();
  private sweepTimer: Timer;

  constructor(options: CollectorOptions) {
    this.options = options;
    this.sweepTimer = options.timers.after(SWEEP_MS, () => this.sweep());
  }

  /** Takes lines that were checked for form and for their deployment. Never waits for the store. */
  take(deploymentId: string, lines: readonly TelemetryLine[]): void {
    const replicas = this.seen.get(deploymentId) ?? new Map<string, Seen>();
    this.seen.set(deploymentId, replicas);
    for (const line of lines) this.takeLine(deploymentId, replicas, line);
  }

  /** Last sample of each replica. */
  replicasOf(deploymentId: string): readonly Replica[] {
    return [...(this.seen.get(deploymentId)?.values() ?? [])].map((seen) => seen.replica);
  }

  stop(): void {
    this.sweepTimer.cancel();
    for (const replicas of this.seen.values())
      for (const seen of replicas.values()) seen.writer?.stop();
  }

  private takeLine(deploymentId: string, replicas: Map<string, Seen>, line: TelemetryLine): void {
    const before = replicas.get(line.pod);
    if (before !== undefined && !isNewer(before, line)) {
      this.metrics.repeated++;
      return;
    }
    if (before === undefined && replicas.size >= MAX_REPLICAS) {
      this.metrics.refused++;
      return;
    }
    const replica = replicaOf(line, this.options.timers.now());
    replicas.set(line.pod, {
      boot: line.boot,
      seq: line.seq,
      heardAt: this.options.timers.now(),
      silenceMs: silenceLimitMs(line),
      replica,
      writer: before === undefined ? this.writerFor(deploymentId) : before.writer,
    });
    this.metrics.accepted++;
    replicas.get(line.pod)?.writer?.offer(replica);
  }

  private writerFor(deploymentId: string): ReplicaWriter | null {
    const { store, timers, log } = this.options;
    if (store === null) return null;
    return new ReplicaWriter(deploymentId, store, timers, {
      onWritten: () => this.metrics.written++,
      onFailed: (error) => {
        this.metrics.writesFailed++;
        log.warn("replica sample not stored", { deploymentId, error: messageOf(error) });
      },
    });
  }

  private sweep(): void {
    const { timers } = this.options;
    for (const [deploymentId, replicas] of this.seen) {
      for (const [pod, seen] of replicas) {
        if (timers.now() - seen.heardAt <= seen.silenceMs) continue;
        replicas.delete(pod);
        seen.writer?.stop();
        void this.forget(deploymentId, pod);
      }
      if (replicas.size === 0) this.seen.delete(deploymentId);
    }
    this.sweepTimer = timers.after(SWEEP_MS, () => this.sweep());
  }

  private async forget(deploymentId: string, pod: string): Promise<void> {
    try {
      await this.options.store?.remove(deploymentId, pod);
    } catch (error) {
      this.options.log.warn("silent replica not removed", {
        deploymentId,
        pod,
        error: messageOf(error),
      });
    }
  }
}

/** A report may come twice and a dead sidecar's late: a later boot wins, within one boot the higher number. */
function isNewer(before: Seen, line: TelemetryLine): boolean {
  return line.boot === before.boot ? line.seq > before.seq : line.boot > before.boot;
}
