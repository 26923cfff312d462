/** The append-only log with group commit: what arrives while a sync is in flight shares the next one. */
import type { CommitRecord } from "../document.ts";
import type { Journal } from "./journal.ts";
import { encodeRecord } from "./log-record.ts";
import type { SegmentFile } from "./segment-file.ts";

interface Entry {
  readonly line: string;
  readonly commit: CommitRecord | null;
  readonly settled: (error: Error | null) => void;
}

/** The newest durable commit, and the segment it is in. */
export interface LogPosition {
  readonly sequence: number;
  readonly commitTime: string;
  readonly segmentBytes: number;
}

/**
 * Asked between two batches, when every durable commit has been told and none is on its way to the disk. The answer,
 * if any, is the segment that the next batch goes to.
 */
export type NextSegment = (position: LogPosition) => Promise<SegmentFile | null>;

export class LogFile implements Journal {
  readonly #nextSegment: NextSegment;
  #segment: SegmentFile;
  #durable: number;
  #queue: Entry[] = [];
  #syncs = 0;
  #running = false;
  #idle: (() => void)[] = [];

  /** `durable` is the sequence of the newest commit in the log. */
  constructor(segment: SegmentFile, durable: number, nextSegment: NextSegment) {
    this.#segment = segment;
    this.#durable = durable;
    this.#nextSegment = nextSegment;
  }

  get bytes(): number {
    return this.#segment.bytes;
  }

  /** Sequence of the newest durable commit. */
  get durable(): number {
    return this.#durable;
  }

  get syncs(): number {
    return this.#syncs;
  }

  append(commit: CommitRecord | null, settled: (error: Error | null) => void): void {
    const line = commit === null ? "" : encodeRecord(commit, this.#durable);
    this.#queue.push({ line, commit, settled });
    if (!this.#running) void this.#pump();
  }

  async close(): Promise<void> {
    if (this.#running) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.#segment.close();
  }

  async #pump(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      const newest = batch.findLast(({ commit }) => commit !== null)?.commit ?? null;
      const error = newest === null ? null : await this.#write(batch, newest);
      const failedToo = error === null ? [] : this.#queue.splice(0);
      for (const entry of [...batch, ...failedToo]) entry.settled(error);
      if (newest !== null && error === null) await this.#moveOn(newest);
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #write(batch: readonly Entry[], newest: CommitRecord): Promise<Error | null> {
    try {
      await this.#segment.append(Buffer.from(batch.map(({ line }) => line).join("")));
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
    this.#durable = newest.sequence;
    this.#syncs += 1;
    return null;
  }

  async #moveOn({ sequence, commitTime }: CommitRecord): Promise<void> {
    const next = await this.#nextSegment({ sequence, commitTime, segmentBytes: this.bytes });
    if (next === null) return;
    const full = this.#segment;
    this.#segment = next;
    // Everything in it is durable: that it cannot be closed harms nobody.
    await full.close().catch(() => undefined);
  }
}
