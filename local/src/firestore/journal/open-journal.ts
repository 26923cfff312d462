/** Opens the data directory: takes its lock, reads its documents, cuts a torn tail, goes on writing behind it. */
import { randomUUID } from "node:crypto";
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
import { readFileIfPresent, writeFileAtomic } from "../../files/atomic-file.ts";
import { ChangeHistory } from "../store/change-history.ts";
import { DocumentIndex } from "../store/document-view.ts";
import type { CommitRecord } from "../document.ts";
import { COMPACTION_LIMITS, Compactor, type CompactionLimits } from "./compactor.ts";
import { dataCorrupt } from "./data-corrupt.ts";
import { segmentPath } from "./generations.ts";
import { MemoryJournal, type Journal } from "./journal.ts";
import { diskDevice, type LogDevice } from "./log-device.ts";
import { LogFile } from "./log-file.ts";
import { acquireProcessLock } from "./process-lock.ts";
import { recover } from "./recover.ts";
import { replayLog } from "./replay.ts";
import { SegmentFile } from "./segment-file.ts";

const IDENTITY = "identity";
const LAST_COMMIT = "last-commit";

export interface OpenedJournal {
  readonly journal: Journal;
  /** Its owner puts every commit into it as soon as the journal says that it is durable, and nothing else. */
  readonly documents: DocumentIndex;
  readonly lastSequence: number;
  /** Tells this store from every other, also from one that had the same directory before. */
  readonly identity: string;
  /** Commit time of the last record; undefined for an empty log. */
  readonly lastCommitTime: string | undefined;
  /** What changed lately; it has room for what its owner adds. */
  readonly history: ChangeHistory;
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
    identity: randomUUID(),
    lastCommitTime: undefined,
    history: new ChangeHistory(0),
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
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
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
  const { documents, lastSequence, lastCommitTime, history, last } = recovered;
  checkLastCommit(directory, lastSequence);
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
    identity: identityOf(directory),
    lastCommitTime,
    history,
    replay: (after, visit) =>
      replayLog(directory, compactor.generations, journal.bytes, after, visit),
    retain: (floor) => compactor.retain(floor),
    facts: () => compactor.facts(journal.bytes),
    async close() {
      await journal.close();
      await compactor.stop();
      noteLastCommit(directory, journal.durable, log);
      unlock();
    },
  };
}

/**
 * A log that ends early looks like one whose last commits never were. What was there at the last orderly end tells the
 * two apart. Throws BifrostError "data-corrupt".
 */
function checkLastCommit(directory: string, lastSequence: number): void {
  const noted = Number(readFileIfPresent(join(directory, LAST_COMMIT)) ?? 0);
  if (lastSequence >= noted) return;
  throw dataCorrupt(
    `The Firestore log in ${directory} ends with commit ${lastSequence}, but commit ${noted} was there when it was closed.`,
    { path: directory, lastSequence, noted },
  );
}

/** Without the note the next start knows a little less; that is no reason to fail. */
function noteLastCommit(directory: string, sequence: number, log: Logger): void {
  try {
    writeFileAtomic(join(directory, LAST_COMMIT), String(sequence));
  } catch (error) {
    log.warn("firestore could not note its last commit", { directory, error });
  }
}

/** Made when the directory is. */
function identityOf(directory: string): string {
  const path = join(directory, IDENTITY);
  const known = readFileIfPresent(path);
  if (known !== undefined) return known;
  const identity = randomUUID();
  writeFileAtomic(path, identity);
  return identity;
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
    if (names.includes(IDENTITY)) {
      throw dataCorrupt(
        `The Firestore directory ${directory} has an identity, so it once held documents, and its log is missing.`,
        { path: directory },
      );
    }
    closeSync(openSync(segmentPath(directory, 0), "wx", 0o600));
  }
  const handle = openSync(directory, "r");
  fsyncSync(handle);
  closeSync(handle);
}
