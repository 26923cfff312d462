/** One line of the log: one commit. */
import type { CommitRecord, StoredDocument } from "../document.ts";
import { seal, unseal } from "./checked-line.ts";

export interface LogRecord {
  readonly sequence: number;
  /** Newest sequence that was durable when this was written: what lies above it was never acknowledged before. */
  readonly durable: number;
  readonly commitTime: string;
  readonly documents: readonly (readonly [name: string, after: StoredDocument | null])[];
}

export function encodeRecord(commit: CommitRecord, durable: number): string {
  const { sequence, commitTime, changes } = commit;
  const documents = changes.map(({ name, after }) => [name, after]);
  return seal(JSON.stringify({ sequence, durable, commitTime, documents }));
}

/** The line without its newline; null when the checksum does not fit. */
export function decodeRecord(line: Buffer): LogRecord | null {
  const json = unseal(line);
  return json === null ? null : (JSON.parse(json) as LogRecord);
}
