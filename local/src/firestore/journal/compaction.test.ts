import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../store/store.ts";
import { temporaryDirectory, until } from "../testing/firestore-fixture.ts";
import { generationsIn, segmentPath, snapshotPath } from "./generations.ts";
import type { JournalOptions } from "./open-journal.ts";
import {
  commitNumber,
  everyCommit,
  forgetOrderlyEnd,
  itemsAfter,
  itemsOf,
  openStore,
  replayed,
} from "./testing/little-store.ts";

let directory = temporaryDirectory();
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

const files = () => generationsIn(readdirSync(directory.path));
const NEVER: JournalOptions = { limits: { logBytes: Infinity, snapshots: 1 } };

async function commitUpTo(store: Store, last: number): Promise<void> {
  for (let n = store.lastSequence + 1; n <= last; n += 1) await commitNumber(store, n);
}

/** Commits until there is another snapshot. */
async function compacted(store: Store): Promise<void> {
  const before = store.journalFacts()["compactions"];
  while (store.journalFacts()["compactions"] === before)
    await commitUpTo(store, store.lastSequence + 1);
}

/** Answers the sequence of the newest snapshot: closing waits for a compaction under way, so it may not be that of the last `compacted`. */
async function closed(store: Store): Promise<number> {
  await store.close();
  return Number(files().snapshots.at(-1));
}

describe("compaction", () => {
  test("a log that nobody reads is bounded by the newest snapshot and what came after it", async () => {
    const store = openStore(directory.path);
    await commitUpTo(store, 100);
    await store.close();
    const { snapshots, segments } = files();
    expect(snapshots).toHaveLength(1);
    expect(segments.length).toBeLessThanOrEqual(2);
    expect(segments[0]).toBe(snapshots[0]);
    expect(snapshots[0]).toBeGreaterThan(80);
    const again = openStore(directory.path);
    expect(itemsOf(again)).toEqual(itemsAfter(100));
    expect(again.lastSequence).toBe(100);
    await again.close();
  });

  test("a reader of the log finds every commit above its place, across generations", async () => {
    const store = openStore(directory.path);
    let floor = 3;
    store.retain(() => floor);
    await commitUpTo(store, 40);
    expect(files().snapshots.length).toBeGreaterThan(2);
    expect(replayed(store, 3)).toEqual(everyCommit(3, 40));
    floor = 30;
    await compacted(store);
    await store.close();
    expect(files().segments[0]).toBeGreaterThan(20);
    expect(files().segments[0]).toBeLessThanOrEqual(30);
    const again = openStore(directory.path);
    expect(replayed(again, 30)).toEqual(everyCommit(30, again.lastSequence));
    expect(replayed(again, again.lastSequence)).toEqual([]);
    await again.close();
  });

  test("of several readers the slowest decides", async () => {
    const store = openStore(directory.path);
    store.retain(() => store.lastSequence);
    store.retain(() => 5);
    await commitUpTo(store, 40);
    expect(replayed(store, 5)).toEqual(everyCommit(5, 40));
    await store.close();
  });

  test("a reader whose commits are gone is told which are and where it can go on", async () => {
    const store = openStore(directory.path);
    await commitUpTo(store, 40);
    const oldest = Number(store.journalFacts()["snapshotSequence"]);
    expect(() => replayed(store, 2)).toThrow(
      expect.objectContaining({ code: "data-corrupt", oldest, facts: { after: 2, oldest } }),
    );
    expect(() => replayed(store, 2)).toThrow(`The commits 3 to ${oldest} `);
    expect(replayed(store, oldest)).toEqual(everyCommit(oldest, 40));
    await store.close();
  });

  test("until the reader that is awaited has come nothing is deleted", async () => {
    const store = openStore(directory.path, { awaitsReader: true });
    await commitUpTo(store, 40);
    expect(files().snapshots.length).toBeGreaterThan(2);
    expect(replayed(store, 0)).toEqual(everyCommit(0, 40));
    store.retain(() => store.lastSequence);
    await until(() => files().snapshots.length === 1, "the old generations are deleted");
    await store.close();
  });

  test("times go on rising when all that is left is a snapshot and an empty segment", async () => {
    const store = openStore(directory.path);
    await compacted(store);
    const sequence = await closed(store);
    forgetOrderlyEnd(directory.path);
    writeFileSync(segmentPath(directory.path, sequence), "");
    const again = openStore(directory.path);
    expect(again.lastSequence).toBe(sequence);
    const times = again.durable.all().map(({ updateTime }) => updateTime);
    expect(again.readTime() >= (times.toSorted().at(-1) ?? "")).toBe(true);
    await again.close();
  });

  test("what changed after a listener's place is told after the next opening, too", async () => {
    const store = openStore(directory.path, NEVER);
    await commitUpTo(store, 3);
    const token = store.resumeToken();
    await commitUpTo(store, 5);
    await store.close();
    const again = openStore(directory.path, NEVER);
    const names = [...(again.changedSince(token) ?? [])].map((name) => name.split("/").at(-1));
    expect(names).toEqual(["own4", "shared", "own1", "own5", "own2"]);
    await again.close();
  });

  test("a listener from before the newest snapshot is not told that nothing changed", async () => {
    const store = openStore(directory.path);
    const token = store.resumeToken();
    await compacted(store);
    await store.close();
    const again = openStore(directory.path);
    expect(again.changedSince(token)).toBeNull();
    await again.close();
  });
});

describe("a data directory of a former version", () => {
  test("its one log is taken over whole", async () => {
    const store = openStore(directory.path, NEVER);
    await commitUpTo(store, 12);
    await store.close();
    renameSync(segmentPath(directory.path, 0), join(directory.path, "commits.log"));
    const again = openStore(directory.path);
    expect(itemsOf(again)).toEqual(itemsAfter(12));
    expect(replayed(again, 0)).toEqual(everyCommit(0, 12));
    expect(existsSync(join(directory.path, "commits.log"))).toBe(false);
    await compacted(again);
    await again.close();
  });

  test("its log beside files of this version is refused, for one of them would be lost", async () => {
    await openStore(directory.path).close();
    writeFileSync(join(directory.path, "commits.log"), "");
    expect(() => openStore(directory.path)).toThrow(
      expect.objectContaining({ code: "data-corrupt" }),
    );
    expect(() => openStore(directory.path)).toThrow(/commits\.log of a former version/);
  });
});

/** Two generations, both whole: the reader is far behind. */
async function twoGenerations(): Promise<{ readonly newest: number; readonly last: number }> {
  const store = openStore(directory.path);
  store.retain(() => 0);
  await compacted(store);
  await compacted(store);
  const newest = await closed(store);
  const later = openStore(directory.path, NEVER);
  const last = later.lastSequence + 2;
  await commitUpTo(later, last);
  await later.close();
  expect(files().snapshots.at(-1)).toBe(newest);
  return { newest, last };
}

function flip(path: string, byte: number): void {
  const bytes = readFileSync(path);
  bytes[byte] = (bytes[byte] ?? 0) ^ 0x01;
  writeFileSync(path, bytes);
}

describe("what a crash between two steps leaves", () => {
  test.each([
    {
      what: "a snapshot that was not finished",
      make: (newest: number) =>
        copyFileSync(
          snapshotPath(directory.path, newest),
          `${snapshotPath(directory.path, newest + 1)}.draft`,
        ),
    },
    {
      what: "a segment that was begun and never used",
      make: (newest: number) => writeFileSync(segmentPath(directory.path, newest + 1), ""),
    },
    {
      what: "an old generation without its snapshot",
      make: () => rmSync(snapshotPath(directory.path, files().snapshots[0] ?? 0)),
    },
    {
      what: "an old generation without snapshot and first segment",
      make: () => rmSync(segmentPath(directory.path, 0)),
    },
  ])("$what changes nothing", async ({ make }) => {
    const { newest, last } = await twoGenerations();
    make(newest);
    for (let turn = 0; turn < 2; turn += 1) {
      const store = openStore(directory.path, NEVER);
      expect(itemsOf(store)).toEqual(itemsAfter(last + turn));
      expect(replayed(store, newest)).toEqual(everyCommit(newest, last + turn));
      await commitUpTo(store, last + turn + 1);
      await store.close();
    }
    expect(readdirSync(directory.path).filter((name) => name.endsWith(".draft"))).toEqual([]);
  });
});

describe("a damaged snapshot", () => {
  test("is passed over as long as the generation before it is there, whichever byte is flipped", async () => {
    const { newest, last } = await twoGenerations();
    const path = snapshotPath(directory.path, newest);
    const whole = readFileSync(path);
    for (let byte = 0; byte < whole.length; byte += 7) {
      writeFileSync(path, whole);
      flip(path, byte);
      const store = openStore(directory.path, NEVER);
      expect({ byte, items: itemsOf(store) }).toEqual({ byte, items: itemsAfter(last) });
      await store.close();
      expect(existsSync(path)).toBe(false);
    }
  });

  test("that was cut is passed over, wherever it was cut", async () => {
    const { newest, last } = await twoGenerations();
    const path = snapshotPath(directory.path, newest);
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      const store = openStore(directory.path, NEVER);
      expect({ length, items: itemsOf(store) }).toEqual({ length, items: itemsAfter(last) });
      await store.close();
    }
  });

  test("that nothing can replace is an error that names file and byte, and stays where it is", async () => {
    const store = openStore(directory.path);
    await compacted(store);
    const sequence = await closed(store);
    const path = snapshotPath(directory.path, sequence);
    const headBytes = readFileSync(path).indexOf("\n") + 1;
    flip(path, headBytes + 20);
    for (let turn = 0; turn < 2; turn += 1) {
      expect(() => openStore(directory.path)).toThrow(
        expect.objectContaining({ code: "data-corrupt", facts: { path, byte: headBytes } }),
      );
    }
  });
});

describe("a generation of which something is missing", () => {
  test("is refused when its log is gone", async () => {
    const { newest } = await twoGenerations();
    rmSync(segmentPath(directory.path, newest));
    expect(() => openStore(directory.path)).toThrow(/is missing: the snapshot of commit/);
  });

  test("is refused when its snapshot is gone and none is older", async () => {
    const store = openStore(directory.path);
    await compacted(store);
    const sequence = await closed(store);
    rmSync(snapshotPath(directory.path, sequence));
    expect(() => openStore(directory.path)).toThrow(/the snapshot of that commit is missing/);
  });

  test("is refused when commits between two segments are gone", async () => {
    const { newest } = await twoGenerations();
    rmSync(snapshotPath(directory.path, newest));
    const older = files().segments.find((start) => start > 0 && start < newest) ?? 0;
    const path = segmentPath(directory.path, older);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.lastIndexOf("\n", bytes.length - 2) + 1));
    expect(() => openStore(directory.path)).toThrow(
      expect.objectContaining({ code: "data-corrupt", facts: expect.objectContaining({ path }) }),
    );
  });
});
