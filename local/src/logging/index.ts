/** Stand-in for Cloud Logging: entries are kept, and routed to Pub/Sub before the write is answered. */
import { safeParse } from "valibot";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { GoogleError, notImplemented } from "../serving/google-error.ts";
import { listenOnLoopback, readJson, sendJson } from "../serving/loopback-server.ts";
import { EntryStore } from "./entry-store.ts";
import { listEntries } from "./list-entries.ts";
import { InsertIds, WriteSchema, completeEntry, parseEntry } from "./log-entry.ts";
import type { LogEntry, NewLogEntry, WriteDefaults } from "./log-entry.ts";
import { splitEntry } from "./split-entry.ts";

export interface LogSink {
  readonly name: string;
  /** A predicate, or the resource types it lets through. */
  readonly filter: ((entry: LogEntry) => boolean) | { readonly resourceTypes: readonly string[] };
  /** Pub/Sub topic. */
  readonly topic: string;
}

export interface LoggingOptions extends StandInOptions {
  readonly projectId: string;
  readonly sinks: readonly LogSink[];
  /** Must resolve only when the messages are durable. */
  readonly publish: (
    topic: string,
    messages: readonly {
      readonly data: string;
      readonly attributes: Readonly<Record<string, string>>;
    }[],
  ) => Promise<unknown>;
  /** Kept on disk at most; default 128 MiB. The oldest entries go first. */
  readonly maxBytes?: number;
}

export interface RunningLogging extends RunningStandIn {
  /** Resolves when the entries are stored and every sink has them. Short log names get the project's prefix. */
  write(entries: readonly NewLogEntry[]): Promise<void>;
}

const MAX_BODY = 10 * 1024 * 1024;
const SEGMENTS = 16;
/** Stays below Pub/Sub's 1000 messages and 10 MB of one request, with entries of up to 256 KB. */
const MESSAGES_PER_PUBLISH = 32;

export async function startLogging(options: LoggingOptions): Promise<RunningLogging> {
  const { dataDir, projectId, timers, log } = options;
  const maxBytes = options.maxBytes ?? 128 * 1024 * 1024;
  const store = new EntryStore(dataDir, { segmentBytes: maxBytes / SEGMENTS, segments: SEGMENTS });
  const ids = new InsertIds(timers);
  let written = 0;
  const write = async (given: readonly NewLogEntry[], defaults: WriteDefaults): Promise<void> => {
    const entries = given.flatMap((entry) =>
      splitEntry(completeEntry(withFullName(entry, projectId), defaults, timers, ids)),
    );
    if (entries.length === 0) return;
    store.append(entries);
    written += entries.length;
    for (const sink of options.sinks) await route(sink, entries, options.publish);
  };
  const server = await listenOnLoopback({
    port: options.port,
    log,
    async handle(request, response, url) {
      const method = `${request.method} ${url.pathname}`;
      if (method === "POST /v2/entries:list") {
        const body = await readJson(request, MAX_BODY);
        return sendJson(response, 200, listEntries(store, projectId, body));
      }
      if (method !== "POST /v2/entries:write") throw notImplemented(method);
      const body = safeParse(WriteSchema, await readJson(request, MAX_BODY));
      if (!body.success) {
        throw new GoogleError("INVALID_ARGUMENT", `Invalid request: ${body.issues[0].message}`);
      }
      await write(body.output.entries, body.output);
      sendJson(response, 200, {});
    },
  });
  return {
    product: "logging",
    host: "127.0.0.1",
    port: server.port,
    write: (entries) => write(entries.map(parseEntry), {}),
    info: () => ({ written, segments: store.segments, sinks: options.sinks.length }),
    async stop() {
      await server.close();
      store.close();
    },
  };
}

function withFullName(entry: NewLogEntry, projectId: string): NewLogEntry {
  if (entry.logName === undefined || entry.logName.startsWith("projects/")) return entry;
  return { ...entry, logName: `projects/${projectId}/logs/${encodeURIComponent(entry.logName)}` };
}

async function route(
  sink: LogSink,
  entries: readonly LogEntry[],
  publish: LoggingOptions["publish"],
): Promise<void> {
  const { filter } = sink;
  const wanted =
    typeof filter === "function"
      ? filter
      : (entry: LogEntry) => filter.resourceTypes.includes(entry.resource.type);
  const messages = entries.filter(wanted).map((entry) => ({
    data: JSON.stringify(entry),
    attributes: { "logging.googleapis.com/timestamp": entry.timestamp },
  }));
  for (let start = 0; start < messages.length; start += MESSAGES_PER_PUBLISH) {
    await publish(sink.topic, messages.slice(start, start + MESSAGES_PER_PUBLISH));
  }
}
