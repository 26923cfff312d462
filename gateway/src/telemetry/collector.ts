/** Takes in the samples of all sidecars: drops repeated ones, keeps the last per replica, forgets silent replicas. */
import * as v from "valibot";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Replica } from "@bifrost/shared/domain/replica";
import {
  replicaOf,
  silenceLimitMs,
  TelemetryLineSchema,
  type TelemetryLine,
} from "@bifrost/shared/domain/telemetry";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";
import { Life } from "./life.ts";
import { ReplicaWriter, type WriterEvents } from "./replica-writer.ts";
import { SampleFeed } from "./sample-feed.ts";
import { TokenBucket } from "./token-bucket.ts";
import { WriteQueue } from "./write-queue.ts";

const SWEEP_MS = 1000;
/** How often the end of the last writes is looked for. */
const DRAIN_LOOK_MS = 20;

export const DEFAULT_COLLECTOR_LIMITS = {
  /** Five times what any configuration allows: beyond it a token is being misused. */
  replicasPerDeployment: 256,
  /** All that one process keeps in memory. */
  replicas: 32_768,
  deployments: 4096,
  /** Samples of one deployment: fifty replicas at the shortest interval, four times over. */
  samplesPerSecond: 200,
  burst: 2000,
  writesAtOnce: 32,
} as const;

export type CollectorLimits = Readonly<Record<keyof typeof DEFAULT_COLLECTOR_LIMITS, number>>;

export interface CollectorOptions {
  /** null = collect without storing. */
  readonly store: ReplicaStore | null;
  readonly timers: Timers;
  readonly log: Logger;
  readonly limits?: Partial<CollectorLimits>;
}

interface Seen {
  readonly life: Life;
  readonly writer: ReplicaWriter | null;
  /** By `upMs`. */
  heardAt: number;
  line: TelemetryLine;
  replica: Replica;
}

interface Known {
  readonly pods: Map<string, Seen>;
  readonly bucket: TokenBucket;
}

export class Collector {
  readonly metrics = {
    accepted: 0,
    repeated: 0,
    late: 0,
    /** Samples refused: too many of a deployment, of one replica too many, not valid. */
    refusedByRate: 0,
    refusedByReplicas: 0,
    refusedAsInvalid: 0,
    written: 0,
    superseded: 0,
    removed: 0,
    writesFailed: 0,
    /** Samples that sidecars say they dropped. */
    droppedBySidecars: 0,
  };
  readonly samples: SampleFeed;
  private readonly options: CollectorOptions;
  private readonly limits: CollectorLimits;
  private readonly known = new Map<string, Known>();
  private readonly queue: WriteQueue;
  private replicaCount = 0;
  /** Counts on whatever the wall clock is set to. */
  private upMs = 0;
  private sweepTimer: Timer;

  constructor(options: CollectorOptions) {
    this.options = options;
    this.limits = { ...DEFAULT_COLLECTOR_LIMITS, ...options.limits };
    this.queue = new WriteQueue(this.limits.writesAtOnce);
    this.samples = new SampleFeed(options.timers, options.log);
    this.sweepTimer = options.timers.after(SWEEP_MS, () => this.sweep());
  }

  /**
   * Takes samples of one deployment, all or none, and never waits for the store. Throws `bad-request` that names the
   * sample which is not valid or speaks for another deployment, and `rate-limited` with `retryAfterSeconds`.
   */
  take(deploymentId: string, samples: readonly unknown[]): void {
    const known = this.known.get(deploymentId) ?? this.meet(deploymentId, samples.length);
    const waitMs = known.bucket.take(samples.length, this.options.timers.now());
    if (waitMs > 0) this.refuse(samples.length, "The deployment reports too often", waitMs);
    const lines = samples.map((sample, index) => this.lineOf(deploymentId, sample, index + 1));
    for (const line of lines) this.takeLine(deploymentId, known.pods, line);
  }

  /** Throws `rate-limited` when not even one sample of the deployment would be taken now. */
  assertRoom(deploymentId: string): void {
    const known = this.known.get(deploymentId);
    const waitMs = known?.bucket.waitMs(1, this.options.timers.now()) ?? 0;
    if (waitMs > 0) this.refuse(1, "The deployment reports too often", waitMs);
  }

  /** Last sample of each replica. */
  replicasOf(deploymentId: string): readonly Replica[] {
    return [...(this.known.get(deploymentId)?.pods.values() ?? [])].map((seen) => seen.replica);
  }

  /** Every replica that is known now. */
  *replicas(): Generator<Replica> {
    for (const { pods } of this.known.values())
      for (const seen of pods.values()) yield seen.replica;
  }

  get writes(): { readonly running: number; readonly waiting: number } {
    return { running: this.queue.running, waiting: this.queue.waiting };
  }

  /** Stores what is not stored yet, for at most `graceMs`; nothing is forgotten or written afterwards. */
  async stop(graceMs: number): Promise<void> {
    const { timers } = this.options;
    this.sweepTimer.cancel();
    const writers = [...this.writers()];
    if (graceMs > 0) for (const writer of writers) writer.hurry();
    for (let leftMs = graceMs; leftMs > 0; leftMs -= DRAIN_LOOK_MS) {
      if (writers.every((writer) => writer.isSettled)) break;
      await timers.sleep(Math.min(leftMs, DRAIN_LOOK_MS));
    }
    for (const writer of writers) writer.stop();
  }

  private meet(deploymentId: string, samples: number): Known {
    const { limits } = this;
    if (this.known.size >= limits.deployments) {
      this.refuse(samples, `${limits.deployments} deployments report here, as many as may`, 30_000);
    }
    const now = this.options.timers.now();
    const bucket = new TokenBucket(limits.samplesPerSecond, limits.burst, now);
    const known: Known = { pods: new Map(), bucket };
    this.known.set(deploymentId, known);
    return known;
  }

  private refuse(samples: number, why: string, waitMs: number): never {
    this.metrics.refusedByRate += samples;
    const retryAfterSeconds = Math.ceil(waitMs / 1000);
    const message = `${why}; report again in ${retryAfterSeconds} s.`;
    throw new BifrostError("rate-limited", message, { retryAfterSeconds });
  }

  private lineOf(deploymentId: string, sample: unknown, number: number): TelemetryLine {
    const parsed = v.safeParse(TelemetryLineSchema, sample, { abortEarly: true });
    if (parsed.success && parsed.output.deployment === deploymentId) return parsed.output;
    this.metrics.refusedAsInvalid++;
    if (parsed.success) {
      const message = `Sample ${number} speaks for deployment ${parsed.output.deployment}, the token for ${deploymentId}.`;
      throw new BifrostError("bad-request", message);
    }
    const [issue] = parsed.issues;
    const place = v.getDotPath(issue) ?? "the line";
    throw new BifrostError(
      "bad-request",
      `Sample ${number} is not one: ${place}: ${issue.message}`,
    );
  }

  private takeLine(deploymentId: string, pods: Map<string, Seen>, line: TelemetryLine): void {
    const before = pods.get(line.pod);
    const judgement = before?.life.judge(line, this.upMs) ?? "new";
    if (judgement !== "new") {
      this.metrics[judgement]++;
      return;
    }
    if (before === undefined && !this.hasRoom(pods)) {
      this.metrics.refusedByReplicas++;
      return;
    }
    const replica = replicaOf(line, this.options.timers.now());
    const seen = before ?? this.meetPod(deploymentId, pods, line, replica);
    this.metrics.accepted++;
    this.metrics.droppedBySidecars += newlyDropped(before?.line, line);
    seen.heardAt = this.upMs;
    seen.line = line;
    seen.replica = replica;
    seen.writer?.offer(replica);
    this.samples.publish({ deploymentId, line, replica });
  }

  private hasRoom(pods: ReadonlyMap<string, Seen>): boolean {
    return (
      pods.size < this.limits.replicasPerDeployment && this.replicaCount < this.limits.replicas
    );
  }

  private meetPod(
    deploymentId: string,
    pods: Map<string, Seen>,
    line: TelemetryLine,
    replica: Replica,
  ): Seen {
    const life = new Life(line, this.upMs);
    const writer = this.writerFor(deploymentId, life);
    const seen: Seen = { life, writer, heardAt: this.upMs, line, replica };
    pods.set(line.pod, seen);
    this.replicaCount++;
    return seen;
  }

  private writerFor(deploymentId: string, life: Life): ReplicaWriter | null {
    const { store, timers } = this.options;
    if (store === null) return null;
    return new ReplicaWriter({
      deploymentId,
      store,
      timers,
      queue: this.queue,
      events: this.writerEvents(deploymentId),
      isOver: (boot) => life.isOver(boot),
    });
  }

  private writerEvents(deploymentId: string): WriterEvents {
    const { metrics } = this;
    return {
      onWritten: () => metrics.written++,
      onSuperseded: () => metrics.superseded++,
      onRemoved: () => metrics.removed++,
      onFailed: (error, isFirst) => {
        metrics.writesFailed++;
        if (!isFirst) return;
        this.options.log.warn("replica not stored", { deploymentId, error: messageOf(error) });
      },
    };
  }

  private *writers(): Generator<ReplicaWriter> {
    for (const { pods } of this.known.values()) {
      for (const { writer } of pods.values()) if (writer !== null) yield writer;
    }
  }

  private sweep(): void {
    this.upMs += SWEEP_MS;
    for (const [deploymentId, { pods, bucket }] of this.known) {
      for (const [pod, seen] of pods) {
        if (this.upMs - seen.heardAt <= silenceLimitMs(seen.line)) continue;
        pods.delete(pod);
        this.replicaCount--;
        seen.writer?.forget();
      }
      // One that still pays for a flood is remembered until it has paid.
      if (pods.size === 0 && bucket.isFull(this.options.timers.now())) {
        this.known.delete(deploymentId);
      }
    }
    this.sweepTimer = this.options.timers.after(SWEEP_MS, () => this.sweep());
  }
}

/** A sidecar counts what it dropped since its start. */
function newlyDropped(before: TelemetryLine | undefined, now: TelemetryLine): number {
  return before?.boot === now.boot ? Math.max(0, now.dropped - before.dropped) : now.dropped;
}
