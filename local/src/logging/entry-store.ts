/** Entries on disk in numbered segments of bounded size; the oldest segment goes when there are too many. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Journal } from "../files/journal.ts";
import type { LogEntry } from "./log-entry.ts";

export interface StoreLimits {
  readonly segmentBytes: number;
  readonly segments: number;
}

const SEGMENT = /^(\d{8})\.log$/;

export class EntryStore {
  readonly #dataDir: string | undefined;
  readonly #limits: StoreLimits;
  #current: Journal;
  #number: number;
  /** Without a data directory the last entries are kept here. */
  #recent: LogEntry[] = [];

  constructor(dataDir: string | undefined, limits: StoreLimits) {
    this.#dataDir = dataDir;
    this.#limits = limits;
    if (dataDir !== undefined) mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    this.#number = this.#numbers().at(-1) ?? 1;
    this.#current = Journal.open(this.#path(this.#number), () => undefined);
  }

  append(entries: readonly LogEntry[]): void {
    if (this.#dataDir === undefined) {
      this.#recent = [...this.#recent, ...entries].slice(-MAX_IN_MEMORY);
      return;
    }
    if (this.#current.bytes >= this.#limits.segmentBytes) this.#nextSegment();
    this.#current.append(entries);
  }

  /** Oldest first. */
  *entries(): Generator<LogEntry> {
    yield* this.#recent;
    for (const number of this.#numbers()) {
      const found: LogEntry[] = [];
      const segment = Journal.open(this.#path(number), (record) => {
        found.push(...(record as readonly LogEntry[]));
      });
      segment.close();
      yield* found;
    }
  }

  get segments(): number {
    return this.#numbers().length;
  }

  close(): void {
    this.#current.close();
  }

  #nextSegment(): void {
    this.#current.close();
    this.#number += 1;
    this.#current = Journal.open(this.#path(this.#number), () => undefined);
    for (const number of this.#numbers().slice(0, -this.#limits.segments)) {
      rmSync(this.#path(number) ?? "", { force: true });
    }
  }

  #numbers(): number[] {
    if (this.#dataDir === undefined) return [];
    return readdirSync(this.#dataDir)
      .flatMap((name) => SEGMENT.exec(name)?.[1] ?? [])
      .map(Number)
      .toSorted((a, b) => a - b);
  }

  #path(number: number): string | undefined {
    if (this.#dataDir === undefined) return undefined;
    return join(this.#dataDir, `${String(number).padStart(8, "0")}.log`);
  }
}

const MAX_IN_MEMORY = 10_000;
