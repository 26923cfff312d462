/** Reads segments that follow on each other. */
import { statSync } from "node:fs";
import { dataCorrupt } from "./data-corrupt.ts";
import { segmentPath } from "./generations.ts";
import type { LogRecord } from "./log-record.ts";
import { scanSegment, type Segment } from "./scan-segment.ts";

export interface Chain {
  readonly lastSequence: number;
  /** Good bytes of all segments but the last. */
  readonly closedBytes: number;
  /** What lies behind the good bytes of the last segment, never acknowledged. */
  readonly tornBytes: number;
  readonly last: { readonly path: string; readonly goodBytes: number };
  /** Left by a change of segments that failed: empty, and in the range of the segment before it. */
  readonly unused: readonly Segment[];
}

/** The segments from generation `base` on, as large as their files are. */
export function segmentsFrom(
  directory: string,
  starts: readonly number[],
  base: number,
): Segment[] {
  return starts
    .filter((start) => start >= base)
    .map((start) => ({ start, path: segmentPath(directory, start) }))
    .map((segment) => ({ ...segment, bytes: statSync(segment.path).size }));
}

/**
 * Visits the commits behind `base` in order and without gaps: each segment begins where the one before it ends, and
 * only behind the last one may there be a torn tail. Throws BifrostError "data-corrupt".
 */
export function scanChain(
  segments: readonly Segment[],
  base: number,
  visit: (record: LogRecord) => void,
): Chain {
  const unused: Segment[] = [];
  let lastSequence = base;
  let closedBytes = 0;
  let tornBytes = 0;
  let last = { path: "", goodBytes: 0 };
  for (const [index, segment] of segments.entries()) {
    if (segment.bytes === 0 && segment.start < lastSequence) {
      unused.push(segment);
      continue;
    }
    if (segment.start !== lastSequence) throw gapBefore(segment, lastSequence);
    // That a segment was begun says that everything before it was acknowledged.
    const scan = scanSegment(segment, segments[index + 1]?.start ?? 0, visit);
    closedBytes += last.goodBytes;
    last = { path: segment.path, goodBytes: scan.goodBytes };
    ({ lastSequence, tornBytes } = scan);
  }
  return { lastSequence, closedBytes, tornBytes, last, unused };
}

function gapBefore({ path, start }: Segment, lastSequence: number): Error {
  return dataCorrupt(
    `The Firestore log ${path} begins behind commit ${start}, but what comes before it ends with commit ${lastSequence}.`,
    { path, start, lastSequence },
  );
}
