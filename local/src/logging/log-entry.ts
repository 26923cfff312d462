/** A log entry as Cloud Logging keeps it, and how what callers give becomes one. */
import { any, array, object, optional, record, safeParse, string } from "valibot";
import type { InferOutput } from "valibot";
import type { Clock } from "@bifrost/shared/domain/time";
import { GoogleError } from "../serving/google-error.ts";

const LabelsSchema = record(string(), string());

const EntrySchema = object({
  logName: optional(string()),
  resource: optional(object({ type: string(), labels: optional(LabelsSchema, {}) })),
  labels: optional(LabelsSchema),
  severity: optional(string()),
  textPayload: optional(string()),
  jsonPayload: optional(record(string(), any())),
  timestamp: optional(string()),
  insertId: optional(string()),
  trace: optional(string()),
});

/** What a caller writes; the log's name and the resource may come from the request instead. */
export type NewLogEntry = InferOutput<typeof EntrySchema>;

export interface LogEntry {
  readonly logName: string;
  readonly resource: {
    readonly type: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly labels: Readonly<Record<string, string>>;
  readonly severity: string;
  readonly textPayload?: string;
  readonly jsonPayload?: Readonly<Record<string, unknown>>;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly receiveTimestamp: string;
  /** Sorts in the order of writing within one timestamp. */
  readonly insertId: string;
  readonly trace?: string;
  /** Set on the parts of a text that was too long for one entry. */
  readonly split?: { readonly uid: string; readonly index: number; readonly totalSplits: number };
}

export const WriteSchema = object({
  logName: optional(string()),
  resource: optional(object({ type: string(), labels: optional(LabelsSchema, {}) })),
  labels: optional(LabelsSchema),
  entries: array(EntrySchema),
});

export interface WriteDefaults {
  readonly logName?: string | undefined;
  readonly resource?: NewLogEntry["resource"];
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Ids that sort by time of writing, also after a restart (as long as the clock does not go back). */
export class InsertIds {
  readonly #clock: Clock;
  #lastMs = 0;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(): string {
    const now = Math.max(this.#lastMs, this.#clock.now());
    this.#count = now === this.#lastMs ? this.#count + 1 : 0;
    this.#lastMs = now;
    return `${now.toString(36).padStart(9, "0")}${this.#count.toString(36).padStart(6, "0")}`;
  }
}

/** @throws GoogleError INVALID_ARGUMENT */
export function parseEntry(given: unknown): NewLogEntry {
  const parsed = safeParse(EntrySchema, given);
  if (parsed.success) return parsed.output;
  throw new GoogleError("INVALID_ARGUMENT", `Invalid log entry: ${parsed.issues[0].message}`);
}

/** @throws GoogleError INVALID_ARGUMENT naming the field that is missing or wrong */
export function completeEntry(
  given: NewLogEntry,
  defaults: WriteDefaults,
  clock: Clock,
  ids: InsertIds,
): LogEntry {
  const { textPayload, jsonPayload, trace } = given;
  const now = new Date(clock.now()).toISOString();
  const logName = given.logName ?? defaults.logName;
  const resource = given.resource ?? defaults.resource;
  if (!logName) throw missing("logName");
  if (resource === undefined) throw missing("resource");
  const timestamp = given.timestamp ?? now;
  checkContent(given, timestamp);
  return {
    logName,
    resource,
    labels: { ...defaults.labels, ...given.labels },
    severity: given.severity ?? "DEFAULT",
    ...(textPayload === undefined ? {} : { textPayload }),
    ...(jsonPayload === undefined ? {} : { jsonPayload }),
    ...(trace === undefined ? {} : { trace }),
    timestamp,
    receiveTimestamp: now,
    insertId: given.insertId ?? ids.next(),
  };
}

function checkContent({ textPayload, jsonPayload }: NewLogEntry, timestamp: string): void {
  if ((textPayload === undefined) === (jsonPayload === undefined)) {
    throw new GoogleError("INVALID_ARGUMENT", "An entry has either textPayload or jsonPayload.");
  }
  if (Number.isNaN(Date.parse(timestamp))) {
    throw new GoogleError("INVALID_ARGUMENT", `timestamp ${timestamp} is no RFC 3339 time.`);
  }
}

function missing(field: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", `Log entry lacks ${field}.`);
}
