/** Timers whose time moves only when a test says so. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";

export class ManualTimers implements Timers {
  #now: number;
  readonly #pending = new Map<() => void, number>();

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, task: () => void): Timer {
    const once = (): void => task();
    this.#pending.set(once, this.#now + delayMs);
    return { cancel: () => void this.#pending.delete(once) };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const [task, at] of [...this.#pending].toSorted((a, b) => a[1] - b[1])) {
      if (at <= this.#now && this.#pending.delete(task)) task();
    }
  }
}
