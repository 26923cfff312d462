/** From the files of a data directory to its documents: the newest whole snapshot, then the commits behind it. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "@bifrost/shared/ports/logger";
import { writeFileAtomic } from "../../files/atomic-file.ts";
import { ChangeHistory } from "../store/change-history.ts";
import type { DocumentIndex } from "../store/document-view.ts";
import { generationsIn, segmentPath, snapshotPath, type Generations } from "./generations.ts";
import type { LogRecord } from "./log-record.ts";
import { readBase } from "./read-base.ts";
import { ValuePool } from "./value-pool.ts";
import { scanChain, segmentsFrom } from "./scan-chain.ts";

export interface Recovered {
  readonly generations: Generations;
  readonly documents: DocumentIndex;
  readonly lastSequence: number;
  /** Undefined while there was no commit. */
  readonly lastCommitTime: string | undefined;
  /** What changed lately, as far as the segments tell. */
  readonly history: ChangeHistory;
  /** Size of the snapshot that was read; 0 without one. */
  readonly snapshotBytes: number;
  /** Size of the segments behind it, the last one not counted. */
  readonly closedBytes: number;
  /** The segment to go on with. */
  readonly last: { readonly path: string; readonly goodBytes: number };
}

/** There is at least one segment. Deletes only what is proven to be of no use. Throws BifrostError "data-corrupt". */
export function recover(directory: string, log: Logger): Recovered {
  const found = generationsIn(readdirSync(directory));
  const { base, damaged } = readBase(directory, found, log);
  const pool = new ValuePool();
  const history = new ChangeHistory(base.sequence);
  let lastCommitTime = base.commitTime;
  const segments = segmentsFrom(directory, found.segments, base.sequence);
  const chain = scanChain(segments, base.sequence, (record) => {
    apply(record, base.documents, pool);
    history.record(
      record.sequence,
      record.documents.map(([name]) => name),
    );
    lastCommitTime = record.commitTime;
  });
  const { lastSequence, closedBytes, tornBytes, last } = chain;
  if (tornBytes > 0) {
    log.warn("firestore log had a torn tail, which was never acknowledged; it was cut", {
      ...last,
      keptIn: keepTornTail(directory, last, log),
      tornBytes,
      lastSequence,
    });
  }
  const unused = chain.unused.map(({ start }) => start);
  for (const start of unused) rmSync(segmentPath(directory, start));
  for (const sequence of damaged) rmSync(snapshotPath(directory, sequence));
  const generations = {
    snapshots: found.snapshots.filter((sequence) => !damaged.includes(sequence)),
    segments: found.segments.filter((start) => !unused.includes(start)),
  };
  const { documents, snapshotBytes } = base;
  return {
    generations,
    documents,
    lastSequence,
    lastCommitTime,
    history,
    snapshotBytes,
    closedBytes,
    last,
  };
}

function apply({ documents: written }: LogRecord, documents: DocumentIndex, pool: ValuePool): void {
  for (const [name, after] of written) {
    if (after !== null) pool.share(after);
    const known = after === null ? undefined : documents.get(name)?.name;
    // One text for each name, however often the document was written.
    documents.put(name, after === null || known === undefined ? after : { ...after, name: known });
  }
}

/**
 * Nothing that was there is thrown away: should the tail have been more than a torn one, it can still be looked at. One
 * tail is kept, the newest. Answers its path, or null when it could not be kept.
 */
function keepTornTail(directory: string, { path, goodBytes }: Recovered["last"], log: Logger) {
  const kept = join(directory, "torn-tail");
  try {
    writeFileAtomic(kept, readFileSync(path).subarray(goodBytes));
    return kept;
  } catch (error) {
    log.warn("the torn tail of the firestore log could not be kept", { path: kept, error });
    return null;
  }
}
