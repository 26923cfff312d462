/** Something that is done again and again: after a pause of its own when it went well, after a growing one when not. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";

export interface RoundsOptions {
  readonly timers: Timers;
  /** 0 to 1: nodes that lost the same server at the same moment do not come back at the same moment. */
  readonly random: () => number;
  /** Answers how long to wait for the next one; `signal` is aborted when nobody wants this one any more. */
  readonly round: (signal: AbortSignal) => Promise<number>;
  readonly onError: (error: unknown) => void;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

export class Rounds {
  readonly #options: RoundsOptions;
  #failures = 0;
  #timer: Timer | null = null;
  #running: AbortController | null = null;
  #isWanted = false;
  #isStopped = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#run();
  }

  /** The next round begins at once, or as soon as the one that runs is over. */
  hurry(): void {
    if (this.#running !== null) {
      this.#isWanted = true;
      return;
    }
    this.#timer?.cancel();
    this.#run();
  }

  /** What the round does works: the next failure is the first again. */
  succeeded(): void {
    this.#failures = 0;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#running?.abort();
  }

  #run(): void {
    if (this.#isStopped) return;
    const abort = new AbortController();
    this.#running = abort;
    this.#isWanted = false;
    void this.#options
      .round(abort.signal)
      .then(
        (pauseMs) => {
          this.#failures = 0;
          return pauseMs;
        },
        (error: unknown) => {
          if (!this.#isStopped) this.#options.onError(error);
          return this.#pauseAfterFailure();
        },
      )
      .then((pauseMs) => this.#next(pauseMs));
  }

  #next(pauseMs: number): void {
    this.#running = null;
    if (this.#isStopped) return;
    this.#timer = this.#options.timers.after(this.#isWanted ? 0 : pauseMs, () => this.#run());
  }

  #pauseAfterFailure(): number {
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures++, 16));
    return pause * (0.5 + this.#options.random() / 2);
  }
}
