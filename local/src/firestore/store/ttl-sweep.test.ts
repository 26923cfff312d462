import { silentLogger, type LogFields, type Logger } from "@bifrost/shared/ports/logger";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskDevice } from "../journal/log-device.ts";
import { openJournal } from "../journal/open-journal.ts";
import { DatabaseName } from "../resource-name.ts";
import { PROJECT, ROOT, temporaryDirectory } from "../testing/firestore-fixture.ts";
import { ManualTimers } from "../testing/manual-timers.ts";
import { Store } from "./store.ts";
import { TtlSweep } from "./ttl-sweep.ts";
import { parseWrites } from "./write.ts";

const FIELDS = [{ collectionGroup: "sessions", path: "expires" }];
const database = new DatabaseName(PROJECT);

let directory = temporaryDirectory();
let lines: [string, LogFields | undefined][] = [];
const log: Logger = { ...silentLogger, info: (event, fields) => void lines.push([event, fields]) };

beforeEach(() => {
  directory = temporaryDirectory();
  lines = [];
});
afterEach(() => directory.remove());

/** A store with three sessions that have expired, at a time that is no whole millisecond, on a disk that may fill up. */
async function expiredSessions() {
  const timers = new ManualTimers(Date.UTC(2026, 0, 1) + 0.25);
  const disk = { isFull: false };
  const device = {
    ...diskDevice,
    async write(file: number, bytes: Buffer, position: number): Promise<number> {
      if (disk.isFull) throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
      return await diskDevice.write(file, bytes, position);
    },
  };
  const store = new Store(
    openJournal(directory.path, silentLogger, { device }),
    timers,
    silentLogger,
  );
  const fields = { expires: { timestampValue: "2025-01-01T00:00:00Z" } };
  const writes = ["a", "b", "c"].map((id) => ({
    update: { name: `${ROOT}/sessions/${id}`, fields },
  }));
  await store.commit(parseWrites(writes, database), () => undefined);
  return { store, timers, disk };
}

test("the time may be between two milliseconds", async () => {
  const { store, timers } = await expiredSessions();
  const sweep = new TtlSweep(store, timers, log, FIELDS);
  await sweep.stop();
  expect([sweep.deleted, store.durable.size, lines]).toEqual([3, 0, []]);
  await store.close();
});

test("what a full disk keeps from being deleted is told once for a sweep", async () => {
  const { store, timers, disk } = await expiredSessions();
  disk.isFull = true;
  const sweep = new TtlSweep(store, timers, log, FIELDS);
  await sweep.stop();
  disk.isFull = false;
  expect([sweep.deleted, store.durable.size]).toEqual([0, 3]);
  expect(lines).toMatchObject([
    ["expired documents were not deleted; the next sweep looks again", { count: 3 }],
  ]);
  await store.close();
});
