import { appendFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { array, assert, asyncProperty, boolean, constantFrom, integer, record } from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CommitRecord, StoredDocument } from "../document.ts";
import { diskDevice, type LogDevice } from "../journal/log-device.ts";
import { openJournal } from "../journal/open-journal.ts";
import { Query } from "../query/query.ts";
import { DatabaseName } from "../resource-name.ts";
import { Store } from "./store.ts";
import { forgetOrderlyEnd } from "../journal/testing/little-store.ts";
import { PROJECT, ROOT, temporaryDirectory } from "../testing/firestore-fixture.ts";
import { structuredQuery } from "../testing/query-text.ts";
import { parseWrites } from "./write.ts";

const database = new DatabaseName(PROJECT);
const allow = (): void => undefined;
let directory = temporaryDirectory();
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

const open = (device?: LogDevice): Store =>
  new Store(
    openJournal(directory.path, silentLogger, device === undefined ? {} : { device }),
    systemTimers,
    silentLogger,
  );
const logPath = (): string => join(directory.path, "commits-0000000000000000.log");

function set(id: string, n: number, exists?: boolean): object {
  const currentDocument = exists === undefined ? {} : { currentDocument: { exists } };
  const fields = { n: { integerValue: n } };
  return { update: { name: `${ROOT}/items/${id}`, fields }, ...currentDocument };
}
const absent = (id: string): object => ({
  verify: `${ROOT}/items/${id}`,
  currentDocument: { exists: false },
});
const commit = (store: Store, ...writes: object[]) =>
  store.commit(parseWrites(writes, database), allow);
const read = (store: Store, id: string) =>
  store.durable.get(`${ROOT}/items/${id}`)?.fields["n"]?.["integerValue"];
const all = (store: Store): StoredDocument[] =>
  [...store.durable.under(ROOT)].toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** A disk whose next `failures` writes find no space after half the bytes. */
function fullDisk(): LogDevice & { failures: number; writes: number } {
  const device = {
    ...diskDevice,
    failures: 0,
    writes: 0,
    async write(file: number, bytes: Buffer, position: number): Promise<number> {
      device.writes += 1;
      if (device.failures === 0) return await diskDevice.write(file, bytes, position);
      device.failures -= 1;
      await diskDevice.write(file, bytes.subarray(0, bytes.length / 2), position);
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    },
  };
  return device;
}

describe("the log", () => {
  test("random commits read back from the log give the same documents, and the same history", async () => {
    const write = record({
      id: constantFrom("a", "b", "c"),
      n: integer({ min: 0, max: 3 }),
      remove: boolean(),
    });
    const history = array(array(write, { minLength: 1, maxLength: 3 }), { maxLength: 12 });
    await assert(
      asyncProperty(history, async (commits) => {
        const own = temporaryDirectory();
        const reopen = (): Store =>
          new Store(openJournal(own.path, silentLogger), systemTimers, silentLogger);
        const store = reopen();
        const told: CommitRecord[] = [];
        store.onCommit((one) => told.push(one));
        await Promise.all(
          commits.map((writes) =>
            commit(
              store,
              ...writes.map(({ id, n, remove }) =>
                remove ? { delete: `${ROOT}/items/${id}` } : set(id, n),
              ),
            ),
          ),
        );
        const before = all(store);
        await store.close();
        const again = reopen();
        expect(all(again)).toEqual(before);
        const replayed: CommitRecord[] = [];
        again.replay(0, (one) => replayed.push(one));
        expect(replayed).toEqual(told);
        expect(again.lastSequence).toBe(told.length);
        await again.close();
        own.remove();
      }),
      { numRuns: 40 },
    );
  });

  test("commits that arrive together share one sync and are told in order", async () => {
    const store = open();
    const sequences: number[] = [];
    store.onCommit(({ sequence }) => sequences.push(sequence));
    await commit(store, set("first", 0));
    await Promise.all(Array.from({ length: 50 }, (_, n) => commit(store, set(`d${n}`, n))));
    expect(sequences).toEqual(Array.from({ length: 51 }, (_, index) => index + 1));
    expect(store.syncs).toBeLessThanOrEqual(4);
    await store.close();
  });

  test("commit times rise strictly and go on rising after a restart with a clock that stepped back", async () => {
    const store = open();
    const times = await Promise.all([1, 2, 3].map((n) => commit(store, set("a", n))));
    await store.close();
    const frozen = { ...systemTimers, now: () => 1000 };
    const later = new Store(openJournal(directory.path, silentLogger), frozen, silentLogger);
    times.push(await commit(later, set("a", 4)));
    const texts = times.map(({ commitTime }) => commitTime);
    expect(texts).toEqual([...new Set(texts)].toSorted());
    await later.close();
  });

  test("a torn tail is cut and writing goes on behind it", async () => {
    let store = open();
    await commit(store, set("a", 1));
    await commit(store, set("b", 2));
    await store.close();
    forgetOrderlyEnd(directory.path);
    truncateSync(logPath(), readFileSync(logPath()).length - 5);
    store = open();
    expect([read(store, "a"), read(store, "b")]).toEqual(["1", undefined]);
    await commit(store, set("c", 3));
    await store.close();
    appendFileSync(logPath(), "0badc0de {");
    store = open();
    expect([read(store, "a"), read(store, "c"), store.lastSequence]).toEqual(["1", "3", 2]);
    await store.close();
  });

  test("damage before an acknowledged commit is an error that names the place", async () => {
    const store = open();
    await commit(store, set("a", 1));
    await commit(store, set("b", 2));
    await commit(store, set("c", 3));
    await store.close();
    const bytes = readFileSync(logPath());
    bytes[bytes.indexOf("\n") + 30] = 0x21;
    writeFileSync(logPath(), bytes);
    expect(() => open()).toThrow(expect.objectContaining({ code: "data-corrupt" }));
    expect(() => open()).toThrow(/commit 2 was acknowledged/);
  });

  test("a second opener is told who has the directory", async () => {
    const store = open();
    expect(() => open()).toThrow(expect.objectContaining({ code: "already-running" }));
    await store.close();
    await open().close();
  });

  test("the lock of a dead process is taken over", async () => {
    writeFileSync(join(directory.path, "lock"), "999999999 12345 x\n");
    await open().close();
  });
});

function openGate(): { promise: Promise<void>; resolve: () => void } {
  const resolvers: (() => void)[] = [];
  const promise = new Promise<void>((resolve) => resolvers.push(resolve));
  return { promise, resolve: () => resolvers.forEach((resolve) => resolve()) };
}

describe("a full disk", () => {
  test("refuses the commits in flight and leaves everything as it was", async () => {
    const device = fullDisk();
    const store = open(device);
    await commit(store, set("a", 1));
    device.failures = 1;
    const outcomes = await Promise.allSettled([
      commit(store, set("a", 2)),
      commit(store, set("a", 3), set("b", 3)),
    ]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: "rejected",
        reason: { status: "RESOURCE_EXHAUSTED" },
      });
    }
    expect([read(store, "a"), read(store, "b"), store.lastSequence]).toEqual(["1", undefined, 1]);
    await commit(store, set("a", 4));
    await store.close();
    const again = open();
    expect([read(again, "a"), again.lastSequence]).toEqual(["4", 2]);
    await again.close();
  });

  test("a refusal decided on a commit that never was is decided again", async () => {
    const device = fullDisk();
    const store = open(device);
    device.failures = 1;
    const [lost, created] = await Promise.allSettled([
      commit(store, set("a", 1, false)),
      commit(store, set("a", 2, false)),
    ]);
    expect(lost.status).toBe("rejected");
    expect(created.status).toBe("fulfilled");
    expect(read(store, "a")).toBe("2");
    await store.close();
  });

  test("what is decided again waits for locks that were taken meanwhile", async () => {
    const device = fullDisk();
    const store = open(device);
    device.failures = 1;
    const lost = commit(store, set("a", 1));
    const again = commit(store, set("x", 10), set("a", 2, false));
    const transaction = store.transactions.begin("owner", false);
    expect(await transaction.read(`${ROOT}/items/x`)).toBeNull();
    await expect(lost).rejects.toMatchObject({ status: "RESOURCE_EXHAUSTED" });
    await commit(store, set("other", 1));
    await store.commit(parseWrites([set("x", 1, false)], database), allow, transaction);
    await again;
    expect(read(store, "x")).toBe("10");
    await store.close();
  });

  test("a transaction that is decided again has not missed what its query would find now", async () => {
    const device = fullDisk();
    const store = open(device);
    const written: string[] = [];
    store.onCommit(({ changes }) => written.push(...changes.map(({ name }) => name)));
    const query = new Query(ROOT, structuredQuery("items", "n == 7"));
    const transaction = store.transactions.begin("owner", false);
    expect(await transaction.query(query)).toEqual([]);
    device.failures = 1;
    const outcomes = await Promise.allSettled([
      commit(store, set("a", 1), set("b", 1)),
      commit(store, set("found", 7), absent("a")),
      store.commit(parseWrites([set("own", 1), absent("b")], database), allow, transaction),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
    expect(written).toEqual(["own", "found"].map((id) => `${ROOT}/items/${id}`));
    await store.close();
  });
});

test("nobody sees a commit before it is durable, yet the next is decided on it", async () => {
  const { promise: gate, resolve: release } = openGate();
  const device: LogDevice = {
    ...diskDevice,
    sync: async (file) => (await gate, diskDevice.sync(file)),
  };
  const store = open(device);
  const first = commit(store, set("a", 1));
  const second = commit(store, set("a", 2, true));
  await Promise.resolve();
  expect(read(store, "a")).toBeUndefined();
  release();
  await Promise.all([first, second]);
  expect(read(store, "a")).toBe("2");
  await store.close();
});

test("a transaction that is not finished in a minute loses its locks", async () => {
  const due: (() => void)[] = [];
  const timers = {
    ...systemTimers,
    after: (_ms: number, task: () => void) => (due.push(task), { cancel() {} }),
  };
  const store = new Store(openJournal(directory.path, silentLogger), timers, silentLogger);
  await commit(store, set("a", 1));
  const transaction = store.transactions.begin("owner", false);
  await transaction.read(`${ROOT}/items/a`);
  const outside = commit(store, set("a", 2));
  for (const task of due) task();
  await outside;
  expect(() => store.transactions.find(transaction.id, "owner")).toThrow("expired");
  await store.close();
});
