/** Timers for tests: time moves only when everything waits for it, and then at once to the next timer. */
import type { Timers } from "@bifrost/shared/domain/time";

interface Pending {
  readonly at: number;
  readonly task: () => void;
}

export class VirtualTimers implements Timers {
  #now: number;
  readonly #pending = new Set<Pending>();

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, task: () => void): { cancel(): void } {
    const pending = { at: this.#now + delayMs, task };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const timer = this.after(delayMs, resolve);
      signal?.addEventListener("abort", () => (timer.cancel(), resolve()), { once: true });
      return undefined;
    });
  }

  /** Lets `work` run to its end, moving time to the next timer whenever nothing else happens. */
  async run<Result>(work: Promise<Result>, idle: () => boolean = () => true): Promise<Result> {
    const progress = { done: false };
    const finished = work.finally(() => {
      progress.done = true;
    });
    finished.catch(() => {});
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (progress.done) return finished;
      if (idle()) this.#fireNext();
    }
  }

  #fireNext(): void {
    let next: Pending | undefined;
    for (const pending of this.#pending) {
      if (next === undefined || pending.at < next.at) next = pending;
    }
    if (next === undefined) return;
    this.#pending.delete(next);
    this.#now = Math.max(this.#now, next.at);
    next.task();
  }
}
