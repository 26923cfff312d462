/** Does a task once, at the earliest of the moments that it was asked for since it was done last. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";

export class Soonest {
  private readonly timers: Timers;
  private readonly task: () => void;
  private timer: Timer | null = null;
  private dueAt = Infinity;

  constructor(timers: Timers, task: () => void) {
    this.timers = timers;
    this.task = task;
  }

  within(ms: number): void {
    const dueAt = this.timers.now() + ms;
    if (dueAt >= this.dueAt) return;
    this.timer?.cancel();
    this.dueAt = dueAt;
    this.timer = this.timers.after(ms, () => {
      this.dueAt = Infinity;
      this.task();
    });
  }
}
