/** Writes each trouble with its cause and its remedy, and the same one not again for a while. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { LogFields, Logger } from "@bifrost/shared/ports/logger";
import { TROUBLES, type Trouble, type TroubleName } from "./troubles.ts";

const REPEAT_MS = 5 * 60_000;
/** Of the lines that were written: what others send decides how many there are. */
const MAX_REMEMBERED = 256;

export class TroubleLog {
  readonly #log: Logger;
  readonly #timers: Timers;
  readonly #writtenAt = new Map<string, number>();

  constructor(log: Logger, timers: Timers) {
    this.#log = log;
    this.#timers = timers;
  }

  /** Answers the trouble in one line. */
  raise(name: TroubleName, fields: LogFields): string {
    const trouble: Trouble = TROUBLES[name];
    const key = `${name} ${JSON.stringify(fields)}`;
    const now = this.#timers.now();
    const last = this.#writtenAt.get(key);
    if (last === undefined || now - last >= REPEAT_MS) {
      if (this.#writtenAt.size >= MAX_REMEMBERED) this.#writtenAt.clear();
      this.#writtenAt.set(key, now);
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
}
