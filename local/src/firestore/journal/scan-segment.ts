/** Reads one segment of the log, decides where its good part ends, and tells a torn tail from a damaged middle. */
import { linesOf } from "./checked-line.ts";
import { dataCorrupt } from "./data-corrupt.ts";
import { decodeRecord, type LogRecord } from "./log-record.ts";

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
    const record = line.complete ? decodeRecord(line.bytes) : null;
    if (record === null) torn = true;
    else if (torn ? record.durable > lastSequence : record.sequence !== lastSequence + 1) {
      throw dataCorrupt(
        `${damagedAfter(path, goodBytes, lastSequence)}, while commit ${record.sequence} at byte ${line.start} can.`,
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

function damagedAfter(path: string, goodBytes: number, lastSequence: number): string {
  return (
    `The Firestore log ${path} is damaged after byte ${goodBytes}: commit ${lastSequence + 1} was acknowledged ` +
    "but cannot be read"
  );
}
