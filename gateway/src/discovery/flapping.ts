/** Tells what happens again and again from what happened once. */
import type { Clock } from "@bifrost/shared/domain/time";

const WINDOW_MS = 10 * 60_000;
const TIMES = 3;
const MAX_NAMES = 1024;

export class Flapping {
  readonly #clock: Clock;
  readonly #times = new Map<string, readonly number[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether this is at least the third time within ten minutes. */
  happened(name: string): boolean {
    const now = this.#clock.now();
    const recent = (this.#times.get(name) ?? []).filter((at) => now - at < WINDOW_MS);
    if (this.#times.size >= MAX_NAMES) this.#times.clear();
    this.#times.set(name, [...recent, now].slice(-TIMES));
    return recent.length + 1 >= TIMES;
  }
}
