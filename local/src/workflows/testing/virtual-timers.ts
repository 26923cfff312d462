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

  /** Moves time by hand; what falls due meanwhile runs in order. */
  pass(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      this.#fire(next);
    }
    this.#now = end;
  }

  #fireNext(): void {
    const next = this.#next();
    if (next !== undefined) this.#fire(next);
  }

  #next(): Pending | undefined {
    let next: Pending | undefined;
    for (const pending of this.#pending) {
      if (next === undefined || pending.at < next.at) next = pending;
    }
    return next;
  }

  #fire(pending: Pending): void {
    this.#pending.delete(pending);
    this.#now = Math.max(this.#now, pending.at);
    pending.task();
  }
}
