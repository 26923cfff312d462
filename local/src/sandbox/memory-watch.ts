/** Looks at what each sandbox occupies five times a second and ends those over their limit, at every level. */
import type { Timers } from "@bifrost/shared/domain/time";
import { proportionalBytes, readProcesses, residentBytes } from "./process-table.ts";
import type { ProcessEntry } from "./process-table.ts";

const INTERVAL_MS = 200;

export interface Watched {
  readonly limitBytes: number;
  /** Pids to add up; `table` reads the machine's processes once for all sandboxes of one look. */
  pids(table: () => readonly ProcessEntry[]): readonly number[];
  /** True when the kernel has already killed something in there for memory. */
  kernelKilled(): boolean;
  breach(occupiedBytes: number): void;
}

export class MemoryWatch {
  readonly #timers: Timers;
  readonly #watched = new Set<Watched>();
  #isScheduled = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Returns the function that ends the watching. */
  add(watched: Watched): () => void {
    this.#watched.add(watched);
    this.#schedule();
    return () => {
      this.#watched.delete(watched);
    };
  }

  #look(): void {
    let processes: readonly ProcessEntry[] | undefined;
    const table = (): readonly ProcessEntry[] => (processes ??= readProcesses());
    for (const watched of this.#watched) {
      const occupied = occupiedBytes(watched, table);
      if (occupied <= watched.limitBytes && !watched.kernelKilled()) continue;
      this.#watched.delete(watched);
      watched.breach(occupied);
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#watched.size === 0) return;
    this.#isScheduled = true;
    this.#timers.after(INTERVAL_MS, () => {
      this.#isScheduled = false;
      this.#look();
    });
  }
}

/** Resident memory first because it is cheap and never too small; shared pages are divided only when it matters. */
function occupiedBytes(watched: Watched, table: () => readonly ProcessEntry[]): number {
  const pids = watched.pids(table);
  const resident = sum(pids.map(residentBytes));
  return resident <= watched.limitBytes ? resident : sum(pids.map(proportionalBytes));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
