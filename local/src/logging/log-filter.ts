/** The part of the Logging query language that is implemented: comparisons joined by AND or line breaks. */
import { notImplemented } from "../serving/google-error.ts";
import type { LogEntry } from "./log-entry.ts";

export type LogFilter = (entry: LogEntry) => boolean;

const TERM =
  /^([\w.]+|(?:resource\.)?labels\."[^"]+")\s*(=|>=|<=|>|<)\s*(?:"([^"]*)"|([^\s"()]+))$/;

/** @throws GoogleError UNIMPLEMENTED naming the term that is outside the subset */
export function parseLogFilter(text: string): LogFilter {
  const terms = text
    .split(/\n|\s+AND\s+/)
    .map((term) => term.trim())
    .filter((term) => term !== "")
    .map(parseTerm);
  return (entry) => terms.every((term) => term(entry));
}

function parseTerm(text: string): LogFilter {
  const [, field = "", operator = "", quoted, bare] = TERM.exec(text) ?? [];
  const value = quoted ?? bare ?? "";
  if (field === "timestamp") {
    const limit = Date.parse(value);
    if (Number.isNaN(limit)) throw notImplemented(`Filter ${text}`);
    return (entry) => compare(Date.parse(entry.timestamp), operator, limit);
  }
  const read = reader(field);
  if (read === undefined || operator !== "=") throw notImplemented(`Filter ${text}`);
  return (entry) => read(entry) === value;
}

function reader(field: string): ((entry: LogEntry) => string | undefined) | undefined {
  if (field === "logName") return (entry) => entry.logName;
  if (field === "severity") return (entry) => entry.severity;
  if (field === "insertId") return (entry) => entry.insertId;
  if (field === "resource.type") return (entry) => entry.resource.type;
  const [, owner, name = ""] = /^(resource\.)?labels\.(.+)$/.exec(field) ?? [];
  const label = name.replaceAll('"', "");
  if (label === "") return undefined;
  return (entry) => (owner === undefined ? entry.labels : entry.resource.labels)[label];
}

function compare(left: number, operator: string, right: number): boolean {
  switch (operator) {
    case ">=":
      return left >= right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case "<":
      return left < right;
    default:
      return left === right;
  }
}
