/** Keeps the log short: begins a new generation when it has grown, and deletes those that nobody needs any more. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { DocumentIndex } from "../store/document-view.ts";
import { segmentPath, snapshotPath, withoutObsolete, type Generations } from "./generations.ts";
import type { LogDevice } from "./log-device.ts";
import type { LogPosition } from "./log-file.ts";
import type { Recovered } from "./recover.ts";
import { SegmentFile } from "./segment-file.ts";
import { SnapshotAbandoned, writeSnapshot } from "./write-snapshot.ts";

/** The log behind the newest snapshot may grow to the larger of the two before the next snapshot is written. */
export interface CompactionLimits {
  readonly logBytes: number;
  /** In sizes of the newest snapshot. */
  readonly snapshots: number;
}

/**
 * 16 MiB of log are read in about a tenth of a second at the start: below that a snapshot would save nothing. Twice
 * the snapshot: writing snapshots adds at most half to what is written anyhow, and where readers keep up there are
 * hardly ever more than two generations, each of them a snapshot and twice as much log.
 */
export const COMPACTION_LIMITS: CompactionLimits = { logBytes: 16 * 1024 * 1024, snapshots: 2 };

export interface CompactorOptions {
  readonly directory: string;
  readonly documents: DocumentIndex;
  readonly device: LogDevice;
  readonly log: Logger;
  readonly limits: CompactionLimits;
  /** Whether nothing may be deleted before `retain` was called. */
  readonly awaitsReader: boolean;
}

export class Compactor {
  readonly #options: CompactorOptions;
  readonly #floors: (() => number)[] = [];
  #generations: Generations;
  /** Bytes of the segments behind the newest snapshot, without the one that is written. */
  #closedBytes: number;
  #snapshotBytes: number;
  /** Bytes of log behind the newest snapshot at which the next one is tried. */
  #due: number;
  #compactions = 0;
  #writing: Promise<void> | undefined;
  #pruning: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: CompactorOptions, recovered: Recovered) {
    this.#options = options;
    this.#generations = recovered.generations;
    this.#closedBytes = recovered.closedBytes;
    this.#snapshotBytes = recovered.snapshotBytes;
    this.#due = this.#limit();
  }

  get generations(): Generations {
    return this.#generations;
  }

  facts(segmentBytes: number): Readonly<Record<string, unknown>> {
    return {
      bytesBehindSnapshot: this.#closedBytes + segmentBytes,
      snapshotSequence: this.#generations.snapshots.at(-1) ?? 0,
      snapshotBytes: this.#snapshotBytes,
      compactions: this.#compactions,
    };
  }

  /** Nothing above the answer of `floor` is deleted; it is asked before each deletion. */
  retain(floor: () => number): void {
    this.#floors.push(floor);
    void this.#prune();
  }

  /** See NextSegment: as no commit is between decision and disk, the documents are those of `position`. */
  async nextSegment(position: LogPosition): Promise<SegmentFile | null> {
    const size = this.#closedBytes + position.segmentBytes;
    if (this.#stopped || this.#writing !== undefined || size < this.#due) return null;
    const { device, directory } = this.#options;
    const { sequence } = position;
    try {
      const segment = await SegmentFile.create(device, segmentPath(directory, sequence));
      const { snapshots, segments } = this.#generations;
      this.#generations = { snapshots, segments: [...segments, sequence] };
      this.#closedBytes = size;
      this.#writing = this.#snapshot(position).finally(() => (this.#writing = undefined));
      return segment;
    } catch (error) {
      this.#postpone(size, error);
      return null;
    }
  }

  /** Gives up a snapshot that is being written: the generation before it is as good. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writing;
    await this.#pruning;
  }

  async #snapshot({ sequence, commitTime }: LogPosition): Promise<void> {
    const { device, directory, documents } = this.#options;
    const closedBytes = this.#closedBytes;
    try {
      this.#snapshotBytes = await writeSnapshot(
        device,
        snapshotPath(directory, sequence),
        { snapshot: sequence, commitTime },
        documents.all(),
        () => this.#stopped,
      );
      const { snapshots, segments } = this.#generations;
      this.#generations = { snapshots: [...snapshots, sequence], segments };
      this.#closedBytes = 0;
      this.#due = this.#limit();
      this.#compactions += 1;
    } catch (error) {
      if (!(error instanceof SnapshotAbandoned)) this.#postpone(closedBytes, error);
    }
    await this.#prune();
  }

  /** Tried again when the log has grown by a quarter of its smallest limit: with a full disk it cannot. */
  #postpone(size: number, error: unknown): void {
    this.#due = size + this.#options.limits.logBytes / 4;
    this.#options.log.warn("firestore could not compact its log; it goes on with the longer one", {
      error: messageOf(error),
      logBytes: size,
    });
  }

  #limit(): number {
    const { logBytes, snapshots } = this.#options.limits;
    return Math.max(logBytes, snapshots * this.#snapshotBytes);
  }

  #prune(): Promise<void> {
    return (this.#pruning = this.#pruning.then(() => this.#deleteObsolete()));
  }

  async #deleteObsolete(): Promise<void> {
    const { device, directory, awaitsReader, log } = this.#options;
    if (this.#generations.snapshots.length === 0 || (awaitsReader && this.#floors.length === 0)) {
      return;
    }
    try {
      const floor = Math.min(Infinity, ...this.#floors.map((of) => of()));
      const { kept, obsolete } = withoutObsolete(directory, this.#generations, floor);
      this.#generations = kept;
      for (const path of obsolete) await device.remove(path);
      if (obsolete.length > 0) await device.syncDirectory(directory);
    } catch (error) {
      log.warn("firestore could not delete what it no longer needs of its log", {
        error: messageOf(error),
      });
    }
  }
}
