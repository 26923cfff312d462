/** Reads the commits behind a sequence once more, with what each of them found. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { CommitRecord, StoredDocument } from "../document.ts";
import { baseFor, basesOf, snapshotPath, type Generations } from "./generations.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { scanChain, segmentsFrom } from "./scan-chain.ts";
import type { Segment } from "./scan-segment.ts";

/** The commits behind `after` are not all kept any more; those behind `oldest` are. */
export class ReplayGap extends BifrostError {
  readonly oldest: number;

  constructor(after: number, oldest: number) {
    super(
      "data-corrupt",
      `The commits ${after + 1} to ${oldest} of the Firestore log are no longer kept: who asks for them has lost its ` +
        `place. The commits behind ${oldest} can be read.`,
      { after, oldest },
    );
    this.oldest = oldest;
  }
}

/**
 * What a commit found is the newest version below it, from the segments or from the snapshot under them; only
 * documents that the visited commits changed are held meanwhile. The last segment is read up to `lastBytes`.
 * Throws ReplayGap.
 */
export function replayLog(
  directory: string,
  generations: Generations,
  lastBytes: number,
  after: number,
  visit: (commit: CommitRecord) => void,
): void {
  const base = baseFor(generations, after);
  if (base === undefined) throw new ReplayGap(after, basesOf(generations).at(-1) ?? 0);
  const segments = segmentsFrom(directory, generations.segments, base).map((segment, index, all) =>
    index === all.length - 1 ? { ...segment, bytes: lastBytes } : segment,
  );
  const versions = namesChanged(segments, after);
  if (versions.size === 0) return;
  const learn = (name: string, version: StoredDocument | null): void => {
    if (versions.has(name)) versions.set(name, version);
  };
  if (base > 0) readSnapshot(snapshotPath(directory, base), base, (one) => learn(one.name, one));
  scanChain(segments, base, ({ sequence, commitTime, documents }) => {
    const changes = documents.map(([name, next]) => ({
      name,
      before: versions.get(name) ?? null,
      after: next,
    }));
    for (const [name, next] of documents) learn(name, next);
    if (sequence > after) visit({ sequence, commitTime, changes });
  });
}

/** The names that the commits behind `after` wrote, each still without a version. */
function namesChanged(
  segments: readonly Segment[],
  after: number,
): Map<string, StoredDocument | null> {
  const names = new Map<string, StoredDocument | null>();
  const first = segments.findLast(({ start }) => start <= after);
  if (first === undefined) return names;
  const tail = segments.filter(({ start }) => start >= first.start);
  scanChain(tail, first.start, ({ sequence, documents }) => {
    if (sequence > after) for (const [name] of documents) names.set(name, null);
  });
  return names;
}
