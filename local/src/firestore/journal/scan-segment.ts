/** Reads one segment of the log, decides where its good part ends, and tells a torn tail from a damaged middle. */
import { linesOf } from "./checked-line.ts";
import { dataCorrupt } from "./data-corrupt.ts";
import { decodeRecord, type LogRecord } from "./log-record.ts";

/** How the JSON of each record begins, and what precedes it: a checksum and a space. */
const RECORD = '{"sequence":';
const CHECKSUM_CHARS = 9;

export interface Segment {
  readonly path: string;
  /** Its records have the sequences `start + 1`, `start + 2` and so on. */
  readonly start: number;
  readonly bytes: number;
}

export interface SegmentScan {
  /** Bytes up to the end of the last good record. */
  readonly goodBytes: number;
  /** Bytes after it, all of them never acknowledged. */
  readonly tornBytes: number;
  readonly lastSequence: number;
}

/**
 * Visits every good record in order. A bad line is a torn tail as long as nothing says that what it held had been
 * acknowledged: neither `acknowledged`, which the caller knows from a later segment, nor a later record of this one.
 * Otherwise commits are gone: BifrostError "data-corrupt".
 */
export function scanSegment(
  { path, start: first, bytes }: Segment,
  acknowledged: number,
  visit: (record: LogRecord) => void,
): SegmentScan {
  let goodBytes = 0;
  let lastSequence = first;
  let total = 0;
  let torn = false;
  for (const line of linesOf(path, bytes)) {
    total = line.end;
    const whole = line.complete ? decodeRecord(line.bytes) : null;
    if (whole === null) torn = true;
    const record = whole ?? recordWithin(line.bytes);
    if (record === null) continue;
    if (torn ? record.durable > lastSequence : record.sequence !== lastSequence + 1) {
      throw dataCorrupt(
        `${damagedAfter(path, goodBytes, lastSequence)}, while the later commit ${record.sequence} can.`,
        { path, goodBytes, lastSequence, nextReadable: record.sequence },
      );
    } else if (!torn) {
      lastSequence = record.sequence;
      goodBytes = line.end;
      visit(record);
    }
  }
  if (lastSequence < acknowledged) {
    throw dataCorrupt(
      `${damagedAfter(path, goodBytes, lastSequence)}; the next file begins behind commit ${acknowledged}.`,
      { path, goodBytes, lastSequence, acknowledged },
    );
  }
  return { goodBytes, tornBytes: total - goodBytes, lastSequence };
}

/** A record at the end of a bad line: the newline before it may be what was damaged. */
function recordWithin(line: Buffer): LogRecord | null {
  for (let json = line.indexOf(RECORD, RECORD.length); json !== -1;) {
    const record = decodeRecord(line.subarray(Math.max(0, json - CHECKSUM_CHARS)));
    if (record !== null) return record;
    json = line.indexOf(RECORD, json + 1);
  }
  return null;
}

function damagedAfter(path: string, goodBytes: number, lastSequence: number): string {
  return (
    `The Firestore log ${path} is damaged after byte ${goodBytes}: commit ${lastSequence + 1} was acknowledged ` +
    "but cannot be read"
  );
}
