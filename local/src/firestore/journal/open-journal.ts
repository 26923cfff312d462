/** Opens the data directory: takes its lock, replays the log into an index, cuts a torn tail. */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "@bifrost/shared/ports/logger";
import { DocumentIndex } from "../document-view.ts";
import type { CommitRecord, StoredDocument } from "../document.ts";
import { LogFile, MemoryJournal, type Journal, type LogDevice } from "./log-file.ts";
import type { LogRecord } from "./log-record.ts";
import { scanLog } from "./log-scan.ts";
import { acquireProcessLock } from "./process-lock.ts";

export interface OpenedJournal {
  readonly journal: Journal;
  readonly documents: DocumentIndex;
  readonly lastSequence: number;
  /** Commit time of the last record; undefined for an empty log. */
  readonly lastCommitTime: string | undefined;
  /** Visits the records in the journal now with a sequence above `after`, in order. */
  replay(after: number, visit: (commit: CommitRecord) => void): void;
  close(): Promise<void>;
}

export function openMemoryJournal(): OpenedJournal {
  return {
    journal: new MemoryJournal(),
    documents: new DocumentIndex(),
    lastSequence: 0,
    lastCommitTime: undefined,
    replay() {},
    close: () => Promise.resolve(),
  };
}

/** Throws BifrostError "already-running" or "data-corrupt". */
export function openJournal(dataDir: string, log: Logger, device?: LogDevice): OpenedJournal {
  mkdirSync(dataDir, { recursive: true });
  const unlock = acquireProcessLock(join(dataDir, "lock"));
  try {
    return openLocked(join(dataDir, "commits.log"), log, device, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

function openLocked(
  path: string,
  log: Logger,
  device: LogDevice | undefined,
  unlock: () => void,
): OpenedJournal {
  const documents = new DocumentIndex();
  let lastCommitTime: string | undefined;
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const visit = (record: LogRecord): void => {
    for (const [name, after] of record.documents) documents.put(name, after);
    lastCommitTime = record.commitTime;
  };
  const scan =
    size === 0 ? { goodBytes: 0, tornBytes: 0, lastSequence: 0 } : scanLog(path, size, visit);
  if (scan.tornBytes > 0) {
    log.warn("firestore log had a torn tail, which was never acknowledged; it was cut", {
      path,
      ...scan,
    });
  }
  const journal = new LogFile(path, scan.goodBytes, device);
  return {
    journal,
    documents,
    lastSequence: scan.lastSequence,
    lastCommitTime,
    replay: (after, visitCommit) => replayLog(path, journal.bytes, after, visitCommit),
    async close() {
      await journal.close();
      unlock();
    },
  };
}

/** The log holds only what each commit left behind; what was there before follows from reading from the start. */
function replayLog(
  path: string,
  endBytes: number,
  after: number,
  visit: (commit: CommitRecord) => void,
): void {
  const documents = new Map<string, StoredDocument>();
  scanLog(path, endBytes, ({ sequence, commitTime, documents: written }) => {
    const changes = written.map(([name, next]) => ({
      name,
      before: documents.get(name) ?? null,
      after: next,
    }));
    for (const [name, next] of written) {
      if (next === null) documents.delete(name);
      else documents.set(name, next);
    }
    if (sequence > after) visit({ sequence, commitTime, changes });
  });
}
