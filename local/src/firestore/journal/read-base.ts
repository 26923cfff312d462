/** The newest snapshot that can be read. */
import { statSync } from "node:fs";
import { isBifrostError } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import { DocumentIndex } from "../store/document-view.ts";
import { dataCorrupt } from "./data-corrupt.ts";
import { basesOf, segmentPath, snapshotPath, type Generations } from "./generations.ts";
import { ValuePool } from "./value-pool.ts";
import { readSnapshot } from "./read-snapshot.ts";

export interface Base {
  readonly sequence: number;
  readonly documents: DocumentIndex;
  readonly commitTime: string | undefined;
  readonly snapshotBytes: number;
}

/** `damaged` are newer snapshots that had to be passed over. Throws BifrostError "data-corrupt". */
export function readBase(
  directory: string,
  found: Generations,
  log: Logger,
): { readonly base: Base; readonly damaged: readonly number[] } {
  const damaged: number[] = [];
  let firstError: Error | undefined;
  for (const sequence of basesOf(found)) {
    checkSegmentExists(directory, found, sequence);
    try {
      return { base: load(directory, sequence), damaged };
    } catch (error) {
      if (!isBifrostError(error, "data-corrupt")) throw error;
      log.error("a firestore snapshot is damaged; an older one is tried", { error });
      firstError ??= error;
      damaged.push(sequence);
    }
  }
  if (firstError !== undefined) throw firstError;
  const orphan = found.segments[0] ?? 0;
  const path = segmentPath(directory, orphan);
  throw dataCorrupt(
    `The Firestore log ${path} begins behind commit ${orphan}, and the snapshot of that commit is missing.`,
    { path, after: orphan },
  );
}

function load(directory: string, sequence: number): Base {
  const documents = new DocumentIndex();
  if (sequence === 0) return { sequence, documents, commitTime: undefined, snapshotBytes: 0 };
  const path = snapshotPath(directory, sequence);
  const pool = new ValuePool();
  const { commitTime } = readSnapshot(path, sequence, (one) =>
    documents.put(one.name, pool.share(one)),
  );
  return { sequence, documents, commitTime, snapshotBytes: statSync(path).size };
}

/** A generation's segment is made before its snapshot and deleted after it: one alone means that commits are gone. */
function checkSegmentExists(directory: string, { segments }: Generations, sequence: number): void {
  if (segments.includes(sequence)) return;
  const path = segmentPath(directory, sequence);
  throw dataCorrupt(
    `The Firestore log ${path} is missing: the snapshot of commit ${sequence} is there, the commits behind it are not.`,
    { path, after: sequence },
  );
}
