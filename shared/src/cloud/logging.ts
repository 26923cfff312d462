/** Structured logs in Cloud Logging's field names. */
import { pino, type Logger as Pino } from "pino";
import { BifrostError } from "../domain/errors.ts";
import type { LogFields, Logger } from "../ports/logger.ts";

const SEVERITIES: Readonly<Record<string, string>> = {
  debug: "DEBUG",
  info: "INFO",
  warn: "WARNING",
  error: "ERROR",
};

function adapt(sink: Pino): Logger {
  return {
    debug: (event, fields) => sink.debug(shown(fields), event),
    info: (event, fields) => sink.info(shown(fields), event),
    warn: (event, fields) => sink.warn(shown(fields), event),
    error: (event, fields) => sink.error(shown(fields), event),
    with: (fields) => adapt(sink.child(shown(fields))),
  };
}

/** Errors become message, code and stack; nothing else is touched. */
function shown(fields: LogFields | undefined): Record<string, unknown> {
  const { error, ...rest } = fields ?? {};
  if (!(error instanceof Error)) return { ...fields };
  const code = error instanceof BifrostError ? { code: error.code, facts: error.facts } : {};
  const cause = error.cause instanceof Error ? { cause: error.cause.message } : {};
  return { ...rest, error: error.message, stack: error.stack, ...code, ...cause };
}

export interface LoggerOptions {
  readonly service: string;
  readonly level: "debug" | "info" | "warn" | "error";
  /** Where lines go; standard output when absent. */
  readonly write?: (line: string) => void;
}

export function structuredLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: { service: options.service },
    messageKey: "message",
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ severity: SEVERITIES[label] ?? "DEFAULT" }) },
  };
  return adapt(pino(settings, { write: options.write ?? toStandardOutput() }));
}

/**
 * Not pino's own stream: once nobody reads any more, its flush at exit repeats the broken write for ever,
 * and a process whose parent was killed would never end.
 */
function toStandardOutput(): (line: string) => void {
  if (process.stdout.listenerCount("error") === 0) process.stdout.on("error", () => {});
  return (line) => void process.stdout.write(line);
}
