/** Virtual time for whole clusters: a heap of what is due; promises settle after each task that says it may have made some. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";

interface Due {
  readonly at: number;
  readonly order: number;
  readonly task: () => void;
  readonly settles: boolean;
  isCancelled: boolean;
}

export class VirtualTime implements Timers {
  private time: number;
  private order = 0;
  private readonly heap: Due[] = [];

  constructor(start = 1_000_000) {
    this.time = start;
  }

  now(): number {
    return Math.floor(this.time);
  }

  after(delayMs: number, task: () => void, settles = true): Timer {
    const at = this.time + Math.max(0, delayMs);
    const due: Due = { at, order: this.order++, task, settles, isCancelled: false };
    this.push(due);
    return { cancel: () => (due.isCancelled = true) };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (let next = this.heap[0]; next !== undefined && next.at <= end; next = this.heap[0]) {
      this.pop();
      if (next.isCancelled) continue;
      this.time = Math.max(this.time, next.at);
      next.task();
      if (next.settles) await new Promise((resolve) => setImmediate(resolve));
    }
    this.time = end;
  }

  private push(due: Due): void {
    const { heap } = this;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Due;
      if (!isBefore(due, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = due;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && isBefore(heap[down + 1] as Due, heap[down] as Due)) down++;
      if (!isBefore(heap[down] as Due, last)) break;
      heap[at] = heap[down] as Due;
      at = down;
    }
    heap[at] = last;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Numbers from 0 to below 1 that depend on the seed alone. */
export function seeded(seed: number): () => number {
  let word = seed;
  return () => {
    word = (word + 0x6d2b79f5) | 0;
    let mixed = Math.imul(word ^ (word >>> 15), 1 | word);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
