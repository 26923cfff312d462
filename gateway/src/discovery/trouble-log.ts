/** Writes each trouble with its cause and its remedy, and the same one not again for a while. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { LogFields, Logger } from "@bifrost/shared/ports/logger";
import { TROUBLES, type Trouble, type TroubleName } from "./troubles.ts";

const REPEAT_MS = 5 * 60_000;
/** Of one trouble in that time: what others send decides how many differ. */
const MOST_LINES = 20;

export class TroubleLog {
  readonly #log: Logger;
  readonly #timers: Timers;
  /** When each line of a trouble was written, by its fields. */
  readonly #writtenAt = new Map<TroubleName, Map<string, number>>();

  constructor(log: Logger, timers: Timers) {
    this.#log = log;
    this.#timers = timers;
  }

  /** Answers the trouble in one line. */
  raise(name: TroubleName, fields: LogFields): string {
    const trouble: Trouble = TROUBLES[name];
    if (this.#isNew(name, JSON.stringify(fields))) {
      const { level, message, cause, remedy } = trouble;
      this.#log[level](message, { ...fields, cause, remedy });
    }
    const error = fields["error"];
    return typeof error === "string" ? `${trouble.message}: ${error}` : trouble.message;
  }

  /** They are over: when one comes again, it is new. */
  forget(): void {
    this.#writtenAt.clear();
  }

  #isNew(name: TroubleName, fields: string): boolean {
    const now = this.#timers.now();
    const written = this.#writtenAt.get(name) ?? new Map<string, number>();
    this.#writtenAt.set(name, written);
    for (const [line, at] of written) if (now - at >= REPEAT_MS) written.delete(line);
    if (written.has(fields) || written.size >= MOST_LINES) return false;
    written.set(fields, now);
    return true;
  }
}
