/** Reads a log from its start, decides where its good part ends, and tells a torn tail from a damaged middle. */
import { closeSync, openSync, readSync } from "node:fs";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { decodeRecord, type LogRecord } from "./log-record.ts";

const CHUNK_BYTES = 1 << 20;
const NEWLINE = 0x0a;

export interface LogScan {
  /** Bytes up to the end of the last good record. */
  readonly goodBytes: number;
  /** Bytes after it, all of them never acknowledged. */
  readonly tornBytes: number;
  readonly lastSequence: number;
}

/**
 * Visits every good record in order. A bad line is a torn tail as long as no later record says that it had
 * been durable; otherwise acknowledged commits are gone: BifrostError "data-corrupt".
 */
export function scanLog(
  path: string,
  endBytes: number,
  visit: (record: LogRecord) => void,
): LogScan {
  let goodBytes = 0;
  let lastSequence = 0;
  let total = 0;
  let torn = false;
  for (const { line, complete } of linesOf(path, endBytes)) {
    const start = total;
    total += line.length + (complete ? 1 : 0);
    const record = complete ? decodeRecord(line) : null;
    if (record === null) torn = true;
    else if (torn ? record.durable > lastSequence : record.sequence !== lastSequence + 1) {
      throw new BifrostError(
        "data-corrupt",
        `The Firestore log ${path} is damaged after byte ${goodBytes}: commit ${lastSequence + 1} was acknowledged ` +
          `but cannot be read, while commit ${record.sequence} at byte ${start} can. Restore the file from a backup, ` +
          "or delete the data directory to start empty.",
        { path, goodBytes, lastSequence, nextReadable: record.sequence },
      );
    } else if (!torn) {
      lastSequence = record.sequence;
      goodBytes = total;
      visit(record);
    }
  }
  return { goodBytes, tornBytes: total - goodBytes, lastSequence };
}

function* linesOf(path: string, endBytes: number): Generator<{ line: Buffer; complete: boolean }> {
  const file = openSync(path, "r");
  try {
    let rest: Buffer = Buffer.alloc(0);
    let position = 0;
    while (position < endBytes) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, endBytes - position));
      const read = readSync(file, chunk, 0, chunk.length, position);
      if (read === 0) break;
      position += read;
      rest = Buffer.concat([rest, chunk.subarray(0, read)]);
      let start = 0;
      for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE, start)) {
        yield { line: rest.subarray(start, end), complete: true };
        start = end + 1;
      }
      rest = rest.subarray(start);
    }
    if (rest.length > 0) yield { line: rest, complete: false };
  } finally {
    closeSync(file);
  }
}
