/** One line of the log: a CRC-32 in hexadecimal, a space, the commit as JSON, a newline. */
import { crc32 } from "node:zlib";
import type { DocumentChange, StoredDocument } from "../document.ts";

export interface LogRecord {
  readonly sequence: number;
  /** Newest sequence that was durable when this was written: what lies above it was never acknowledged before. */
  readonly durable: number;
  readonly commitTime: string;
  readonly documents: readonly (readonly [name: string, after: StoredDocument | null])[];
}

const CRC_CHARS = 8;

export function encodeRecord(
  sequence: number,
  durable: number,
  commitTime: string,
  changes: readonly DocumentChange[],
): string {
  const documents = changes.map(({ name, after }) => [name, after]);
  const json = JSON.stringify({ sequence, durable, commitTime, documents });
  return `${checksum(Buffer.from(json))} ${json}\n`;
}

/** The line without its newline; null when the checksum does not fit. */
export function decodeRecord(line: Buffer): LogRecord | null {
  const json = line.subarray(CRC_CHARS + 1);
  if (line.subarray(0, CRC_CHARS).toString("latin1") !== checksum(json)) return null;
  return JSON.parse(json.toString()) as LogRecord;
}

function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(CRC_CHARS, "0");
}
