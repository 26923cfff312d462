/** A logger that keeps what it is told. */
import type { LogFields, Logger } from "@bifrost/shared/ports/logger";

export interface LoggedLine {
  readonly level: string;
  readonly event: string;
  readonly fields: LogFields;
}

export interface KeptLog {
  readonly log: Logger;
  readonly lines: readonly LoggedLine[];
  readonly events: () => readonly string[];
}

export function keptLog(): KeptLog {
  const lines: LoggedLine[] = [];
  const logger = (common: LogFields): Logger => {
    const at =
      (level: string) =>
      (event: string, fields: LogFields = {}): void =>
        void lines.push({ level, event, fields: { ...common, ...fields } });
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      with: (fields) => logger({ ...common, ...fields }),
    };
  };
  return { log: logger({}), lines, events: () => lines.map(({ event }) => event) };
}
