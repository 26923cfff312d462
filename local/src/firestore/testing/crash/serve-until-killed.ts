/**
 * Child process of the crash test: serves a directory with a log that is compacted all the time, reads that log as
 * Eventarc does, and says its port. Arguments: the directory of the store, that of the reader, the owner's token.
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { Cursor } from "../../../eventarc/cursor.ts";
import type { CommitRecord } from "../../document.ts";
import { startFirestore } from "../../index.ts";
import { CRASH_LIMITS, CRASH_PROJECT } from "./crash-settings.ts";
import { seenLine } from "./seen-commits.ts";

/** Commits that are read again after a kill, at most. */
const CURSOR_STEP = 5;

const [dataDir = "", readerDir = "", ownerToken = ""] = process.argv.slice(2);
const server = await startFirestore({
  projectId: CRASH_PROJECT,
  timers: systemTimers,
  log: silentLogger,
  rules: { check: () => ({ allowed: false, reason: "only the owner is served" }) },
  verifyIdToken: () => Promise.reject(new Error("nobody signs in")),
  ownerToken,
  dataDir,
  compaction: CRASH_LIMITS,
  awaitsReader: true,
});

const cursor = new Cursor(readerDir);
let seen = cursor.value;
const see = (commit: CommitRecord): void => {
  if (commit.sequence <= seen) return;
  seen = commit.sequence;
  appendFileSync(join(readerDir, "seen"), seenLine(commit));
  if (seen % CURSOR_STEP === 0) cursor.advance(seen);
};
server.retain(() => cursor.durable());
await server.replay(cursor.value, see);
server.onCommit(see);
process.stdout.write(`${server.port}\n`);
