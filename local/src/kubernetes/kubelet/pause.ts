/** A wait that a long-lived signal may cut short, without leaving a listener on it each time. */
import type { Timers } from "@bifrost/shared/domain/time";

export function pause(timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = timers.after(delayMs, finish);
    signal.addEventListener("abort", finish);
  });
}
