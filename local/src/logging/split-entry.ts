/** Keeps entries below Cloud Logging's 256 KB: long text becomes several entries, long JSON is cut. */
import type { LogEntry } from "./log-entry.ts";

export const MAX_ENTRY_BYTES = 256 * 1024;
/** Room for everything that is not payload, and for the escapes JSON puts into text. */
const MAX_PART_BYTES = 100 * 1024;

export function splitEntry(entry: LogEntry): LogEntry[] {
  if (Buffer.byteLength(JSON.stringify(entry)) <= MAX_ENTRY_BYTES) return [entry];
  if (entry.textPayload === undefined) return [cutJson(entry)];
  const parts = splitText(entry.textPayload);
  return parts.map((textPayload, index) => ({
    ...entry,
    textPayload,
    insertId: `${entry.insertId}.${String(index).padStart(4, "0")}`,
    split: { uid: entry.insertId, index, totalSplits: parts.length },
  }));
}

function cutJson(entry: LogEntry): LogEntry {
  const text = JSON.stringify(entry.jsonPayload);
  const [beginning = ""] = splitText(text);
  const jsonPayload = { truncated: true, originalBytes: Buffer.byteLength(text), beginning };
  return { ...entry, jsonPayload };
}

/** Pieces of at most MAX_PART_BYTES that never cut a character in two. */
function splitText(text: string): string[] {
  const bytes = Buffer.from(text);
  const parts: string[] = [];
  let start = 0;
  while (start < bytes.length) {
    let end = Math.min(start + MAX_PART_BYTES, bytes.length);
    // A byte 10xxxxxx continues a character, so the cut moves back to where that one begins.
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    parts.push(bytes.toString("utf8", start, end));
    start = end;
  }
  return parts;
}
