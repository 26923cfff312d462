/**
 * The embedded Firestore over a directory of many documents, in a process of its own. Run by store-size with
 * `--expose-gc`; arguments: "fill" or "open", the directory, how many documents, "log" or "snapshot".
 */
import { encodeFields } from "@bifrost/shared/cloud/firestore-values";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { startFirestore, type RunningFirestore } from "../../../local/src/firestore/index.ts";
import { DatabaseName } from "../../../local/src/firestore/resource-name.ts";
import type { CompactionLimits } from "../../../local/src/firestore/journal/compactor.ts";
import { openJournal } from "../../../local/src/firestore/journal/open-journal.ts";
import { Store } from "../../../local/src/firestore/store/store.ts";
import { parseWrites } from "../../../local/src/firestore/store/write.ts";
import type { SizedStoreFacts } from "./store-messages.ts";

const [mode, directory = "", countText, form] = process.argv.slice(2);
const count = Number(countText);
const database = new DatabaseName("bifrost-local");
/** Commits on their way together while the directory is filled. */
const TOGETHER = 500;
const NEVER: CompactionLimits = { logBytes: Infinity, snapshots: 0 };
const AT_ONCE: CompactionLimits = { logBytes: 0, snapshots: 0 };

/** About 1.3 KB of JSON: a deployment that is healthy. */
function deployment(n: number): object {
  const hex = (factor: number, digits: number) => (n * factor).toString(16).padStart(digits, "0");
  const at = new Date(1_700_000_000_000 + n * 1000);
  const fields = encodeFields({
    projectId: `project${n % 50}`,
    teamId: "platform",
    number: n,
    commit: { sha: hex(31_337, 40), message: `change number ${n}`, author: "Someone" },
    branch: "main",
    trigger: "push",
    source: { kind: "commit", rollbackOf: null },
    state: "healthy",
    seq: 8,
    attempt: 1,
    stateSince: at,
    createdAt: at,
    createdBy: "someone@example.com",
    configHash: hex(65_537, 64),
    imageDigest: `sha256:${hex(65_539, 64)}`,
    manifestsHash: hex(65_543, 64),
    url: `http://project${n % 50}.localhost:8080`,
    failure: null,
    retiredAt: null,
  });
  return { update: { name: `${database.root}/deployments/${hex(7919, 20)}`, fields } };
}

async function put(from: number, to: number, limits: CompactionLimits): Promise<void> {
  const journal = openJournal(directory, silentLogger, { limits });
  const store = new Store(journal, systemTimers, silentLogger);
  for (let first = from; first < to; first += TOGETHER) {
    const writes = Array.from({ length: Math.min(TOGETHER, to - first) }, (_, index) =>
      parseWrites([deployment(first + index)], database),
    );
    await Promise.all(writes.map((one) => store.commit(one, () => undefined)));
  }
  const isCompacted = () => limits !== AT_ONCE || store.journalFacts()["compactions"] !== 0;
  while (!isCompacted()) await systemTimers.sleep(10);
  await store.close();
}

/** One commit for each document, as they come in life; the last one compacts the log if a snapshot is asked for. */
async function fill(): Promise<void> {
  await put(0, count - 1, NEVER);
  await put(count - 1, count, form === "snapshot" ? AT_ONCE : NEVER);
}

/** Memory once nothing is left to collect. */
async function settledMemory(): Promise<NodeJS.MemoryUsage> {
  for (let turn = 0; turn < 3; turn++) {
    globalThis.gc?.();
    await systemTimers.sleep(20);
  }
  return process.memoryUsage();
}

function start(dataDir?: string): Promise<RunningFirestore> {
  return startFirestore({
    projectId: "bifrost-local",
    timers: systemTimers,
    log: silentLogger,
    rules: { check: () => ({ allowed: false, reason: "nobody asks" }) },
    verifyIdToken: () => Promise.reject(new Error("nobody signs in")),
    ownerToken: "owner",
    ...(dataDir === undefined ? {} : { dataDir }),
  });
}

async function open(): Promise<SizedStoreFacts> {
  // Everything that a server needs whatever it holds is loaded and warm before it is measured.
  await (await start()).stop();
  const before = await settledMemory();
  const started = performance.now();
  const store = await start(directory);
  const startMs = performance.now() - started;
  const after = await settledMemory();
  const { documents } = store.info();
  if (documents !== count) throw new Error(`${String(documents)} documents instead of ${count}`);
  await store.stop();
  return {
    startMs,
    heapBytes: (after.heapUsed - before.heapUsed) / count,
    residentBytes: (after.rss - before.rss) / count,
  };
}

if (mode === "fill") await fill();
else process.send?.(await open());
if (process.connected) process.disconnect();
