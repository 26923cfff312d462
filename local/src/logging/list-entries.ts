/** `entries:list`: filter, order by timestamp, pages. */
import { array, object, optional, safeParse, string, number } from "valibot";
import { GoogleError, notImplemented } from "../serving/google-error.ts";
import type { EntryStore } from "./entry-store.ts";
import type { LogEntry } from "./log-entry.ts";
import { parseLogFilter } from "./log-filter.ts";

const ListSchema = object({
  resourceNames: array(string()),
  filter: optional(string(), ""),
  orderBy: optional(string(), ""),
  pageSize: optional(number(), 50),
  pageToken: optional(string(), ""),
});

const MAX_PAGE = 1000;

export function listEntries(store: EntryStore, projectId: string, body: unknown): object {
  const parsed = safeParse(ListSchema, body);
  if (!parsed.success) {
    throw new GoogleError("INVALID_ARGUMENT", `Invalid request: ${parsed.issues[0].message}`);
  }
  const { resourceNames, filter, orderBy, pageToken } = parsed.output;
  const other = resourceNames.find((name) => name !== `projects/${projectId}`);
  if (other !== undefined) throw notImplemented(`Listing entries of ${other}`);
  const order = orderBy === "" ? "timestamp asc" : orderBy;
  if (order !== "timestamp asc" && order !== "timestamp desc") {
    throw notImplemented(`orderBy ${orderBy}`);
  }
  const matches = parseLogFilter(filter);
  const found = [...store.entries()].filter(matches).toSorted(byTime);
  if (order === "timestamp desc") found.reverse();
  const start = pageToken === "" ? 0 : found.findIndex((entry) => keyOf(entry) === pageToken) + 1;
  const size = Math.min(Math.max(parsed.output.pageSize, 1), MAX_PAGE);
  const entries = found.slice(start, start + size);
  const last = entries.at(-1);
  const more = start + size < found.length && last !== undefined;
  return { entries, ...(more ? { nextPageToken: keyOf(last) } : {}) };
}

function byTime(a: LogEntry, b: LogEntry): number {
  const difference = Date.parse(a.timestamp) - Date.parse(b.timestamp);
  if (difference !== 0) return difference;
  return a.insertId < b.insertId ? -1 : Number(a.insertId > b.insertId);
}

function keyOf(entry: LogEntry): string {
  return `${entry.timestamp} ${entry.insertId}`;
}
