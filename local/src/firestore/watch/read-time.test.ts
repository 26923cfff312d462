import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { assert, asyncProperty, array, constantFrom } from "fast-check";
import { expect, test } from "vitest";
import { openMemoryJournal } from "../journal/open-journal.ts";
import { DatabaseName } from "../resource-name.ts";
import { Store } from "../store/store.ts";
import { PROJECT, ROOT } from "../testing/firestore-fixture.ts";
import { parseWrites } from "../store/write.ts";

const database = new DatabaseName(PROJECT);

/** A store whose commits become durable when the test says so. */
function slowStore() {
  const waiting: (() => void)[] = [];
  const opened = openMemoryJournal();
  const journal = {
    ...opened.journal,
    close: () => Promise.resolve(),
    append: (_commit: unknown, settled: (error: Error | null) => void): void => {
      waiting.push(() => settled(null));
    },
  };
  const frozen = { ...systemTimers, now: () => 1_767_225_600_000 };
  const store = new Store({ ...opened, journal }, frozen, silentLogger);
  return { store, settleOne: () => waiting.shift()?.() };
}

const write = parseWrites([{ update: { name: `${ROOT}/items/a`, fields: {} } }], database);
const other = parseWrites([{ update: { name: `${ROOT}/items/b`, fields: {} } }], database);

test("what listeners are told never has a time before one they were told earlier", async () => {
  const step = constantFrom("commit" as const, "settle" as const, "read" as const);
  const property = asyncProperty(array(step, { maxLength: 40 }), async (script) => {
    const { store, settleOne } = slowStore();
    const times: string[] = [];
    store.onCommit(({ commitTime }) => times.push(commitTime));
    const commits: Promise<unknown>[] = [];
    for (const [index, action] of script.entries()) {
      if (action === "read") times.push(store.readTime());
      else if (action === "settle") settleOne();
      else commits.push(store.commit(index % 2 === 0 ? write : other, () => undefined));
    }
    for (let left = commits.length; left >= 0; left -= 1) settleOne();
    await Promise.all(commits);
    expect(times).toEqual(times.toSorted());
  });
  await assert(property, { numRuns: 300 });
});

test("a read while a commit is on its way has a time before that commit's", async () => {
  const { store, settleOne } = slowStore();
  const committing = store.commit(write, () => undefined);
  const readTime = store.readTime();
  settleOne();
  const { commitTime } = await committing;
  expect(readTime < commitTime).toBe(true);
});

test("a commit after a read has a later time, though the clock stands still", async () => {
  const { store, settleOne } = slowStore();
  const readTime = store.readTime();
  const committing = store.commit(write, () => undefined);
  settleOne();
  const { commitTime } = await committing;
  expect(readTime < commitTime).toBe(true);
});
