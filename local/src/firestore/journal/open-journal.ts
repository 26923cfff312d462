/** Opens the data directory: takes its lock, reads its documents, cuts a torn tail, goes on writing behind it. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import type { Logger } from "@bifrost/shared/ports/logger";
import { DocumentIndex } from "../document-view.ts";
import type { CommitRecord } from "../document.ts";
import { COMPACTION_LIMITS, Compactor, type CompactionLimits } from "./compactor.ts";
import { dataCorrupt } from "./data-corrupt.ts";
import { segmentPath } from "./generations.ts";
import { MemoryJournal, type Journal } from "./journal.ts";
import { diskDevice, type LogDevice } from "./log-device.ts";
import { LogFile } from "./log-file.ts";
import { acquireProcessLock } from "./process-lock.ts";
import type { RecentCommit } from "./recent-changes.ts";
import { recover } from "./recover.ts";
import { replayLog } from "./replay.ts";
import { SegmentFile } from "./segment-file.ts";

export interface OpenedJournal {
  readonly journal: Journal;
  /** Its owner puts every commit into it as soon as the journal says that it is durable, and nothing else. */
  readonly documents: DocumentIndex;
  readonly lastSequence: number;
  /** Commit time of the last record; undefined for an empty log. */
  readonly lastCommitTime: string | undefined;
  /**
   * The names that the last commits changed, oldest first, without gaps up to `lastSequence`: about the last 10,000
   * of them, and only of commits behind the newest snapshot.
   */
  readonly recent: readonly RecentCommit[];
  /** Visits the records in the journal now with a sequence above `after`, in order. Throws ReplayGap. */
  replay(after: number, visit: (commit: CommitRecord) => void): void;
  /** From now on `replay` works for what `floor` answers and for everything above it. */
  retain(floor: () => number): void;
  /** For people: sizes and counts. */
  facts(): Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

export interface JournalOptions {
  readonly device?: LogDevice;
  readonly limits?: CompactionLimits;
  /** Whether somebody will call `retain`: until then nothing is deleted that it might ask for. */
  readonly awaitsReader?: boolean;
}

export function openMemoryJournal(): OpenedJournal {
  return {
    journal: new MemoryJournal(),
    documents: new DocumentIndex(),
    lastSequence: 0,
    lastCommitTime: undefined,
    recent: [],
    replay() {},
    retain() {},
    facts: () => ({}),
    close: () => Promise.resolve(),
  };
}

/** Throws BifrostError "already-running" or "data-corrupt". */
export function openJournal(
  dataDir: string,
  log: Logger,
  options: JournalOptions = {},
): OpenedJournal {
  mkdirSync(dataDir, { recursive: true });
  const unlock = acquireProcessLock(join(dataDir, "lock"));
  try {
    return openLocked(dataDir, log, options, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

function openLocked(
  directory: string,
  log: Logger,
  { device = diskDevice, limits = COMPACTION_LIMITS, awaitsReader = false }: JournalOptions,
  unlock: () => void,
): OpenedJournal {
  tidy(directory);
  const recovered = recover(directory, log);
  const { documents, lastSequence, lastCommitTime, recent, last } = recovered;
  const compactor = new Compactor(
    { directory, documents, device, log, limits, awaitsReader },
    recovered,
  );
  const segment = SegmentFile.open(device, last.path, last.goodBytes);
  const journal = new LogFile(segment, lastSequence, (at) => compactor.nextSegment(at));
  return {
    journal,
    documents,
    lastSequence,
    lastCommitTime,
    recent,
    replay: (after, visit) =>
      replayLog(directory, compactor.generations, journal.bytes, after, visit),
    retain: (floor) => compactor.retain(floor),
    facts: () => compactor.facts(journal.bytes),
    async close() {
      await journal.close();
      await compactor.stop();
      unlock();
    },
  };
}

/** Removes unfinished snapshots, takes the one log of former versions as generation 0, begins an empty directory. */
function tidy(directory: string): void {
  const names = readdirSync(directory);
  for (const name of names) if (/^snapshot-\d+\.draft$/.test(name)) rmSync(join(directory, name));
  const former = join(directory, "commits.log");
  const begun = names.some((name) => /^(commits-\d+\.log|snapshot-\d+)$/.test(name));
  if (existsSync(former)) {
    if (begun) {
      throw dataCorrupt(
        `The Firestore log ${former} of a former version lies beside the files of this one, which do not belong to it.`,
        { path: former },
      );
    }
    renameSync(former, segmentPath(directory, 0));
  } else if (!begun) {
    closeSync(openSync(segmentPath(directory, 0), "wx"));
  }
  const handle = openSync(directory, "r");
  fsyncSync(handle);
  closeSync(handle);
}
