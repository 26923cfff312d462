/** What was started, so that it can be stopped in reverse order, whatever happened in between. */
import type { Logger } from "@bifrost/shared/ports/logger";

export interface Stoppable {
  stop(): Promise<void>;
}

export class StopList {
  readonly #started: Stoppable[] = [];
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  keep<T extends Stoppable>(part: T): T {
    this.#started.push(part);
    return part;
  }

  /** A part that does not stop cleanly is logged and does not keep the others from stopping. */
  async stopAll(): Promise<void> {
    for (const part of this.#started.splice(0).toReversed()) {
      await part.stop().catch((error: unknown) => {
        this.#log.error("part did not stop cleanly", { error });
      });
    }
  }
}
