import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isBifrostError } from "@bifrost/shared/domain/errors";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { array, assert, asyncProperty, integer, nat } from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { temporaryDirectory } from "../testing/firestore-fixture.ts";
import { segmentPath } from "./generations.ts";
import { decodeRecord, type LogRecord } from "./log-record.ts";
import { recover } from "./recover.ts";
import {
  commitNumber,
  forgetOrderlyEnd,
  itemsAfter,
  itemsIn,
  itemsOf,
  openStore,
} from "./testing/little-store.ts";

let directory = temporaryDirectory();
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

const NEVER = { limits: { logBytes: Infinity, snapshots: 1 } };

interface WrittenLine {
  readonly start: number;
  readonly end: number;
  readonly record: LogRecord;
}

/** A log of batches of these sizes: its bytes, and its lines as they were written. */
async function writeLog(
  batches: readonly number[],
): Promise<{ bytes: Buffer; lines: WrittenLine[] }> {
  const store = openStore(directory.path, NEVER);
  let n = 0;
  for (const size of batches) {
    await Promise.all(Array.from({ length: size }, () => commitNumber(store, (n += 1))));
  }
  await store.close();
  const bytes = readFileSync(segmentPath(directory.path, 0));
  const lines: WrittenLine[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf("\n", start) + 1;
    const record = decodeRecord(bytes.subarray(start, end - 1));
    if (record === null) throw new Error("a line that was just written cannot be read");
    lines.push({ start, end, record });
    start = end;
  }
  return { bytes, lines };
}

/** What is read of such a log, or where it is said to be damaged. */
function readBack(): unknown {
  const path = segmentPath(directory.path, 0);
  try {
    const { documents, lastSequence } = recover(directory.path, silentLogger);
    return { commits: lastSequence, items: itemsIn(documents) };
  } catch (error) {
    if (!isBifrostError(error, "data-corrupt") || !error.message.includes(path)) throw error;
    return { path: error.facts["path"], goodBytes: error.facts["goodBytes"] };
  }
}

const wholeCommits = (commits: number): unknown => ({ commits, items: itemsAfter(commits) });
const damagedAt = (goodBytes: number | undefined): unknown => ({
  path: segmentPath(directory.path, 0),
  goodBytes,
});

describe("a log", () => {
  test("that was cut at any byte reads back as the commits that are whole", async () => {
    const { bytes, lines } = await writeLog([1, 2, 1]);
    const lengths = Array.from(bytes.keys(), (byte) => bytes.length - byte);
    const read = lengths.map((length) => {
      truncateSync(segmentPath(directory.path, 0), length);
      return readBack();
    });
    expect(read).toEqual(
      lengths.map((length) => wholeCommits(lines.filter(({ end }) => end <= length).length)),
    );
  });

  test("with one wrong byte anywhere loses nothing that a later commit knows to be durable", async () => {
    const batches = array(integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    await assert(
      asyncProperty(
        batches,
        nat(),
        integer({ min: 1, max: 255 }),
        async (sizes, seed, difference) => {
          directory.remove();
          directory = temporaryDirectory();
          const { bytes, lines } = await writeLog(sizes);
          const at = seed % bytes.length;
          const damaged = lines.findIndex(({ end }) => at < end);
          const line = lines[damaged];
          const wrong = Buffer.from(bytes);
          wrong[at] = (wrong[at] ?? 0) ^ difference;
          const isVouchedFor = lines
            .slice(damaged + 1)
            .some(({ record }) => record.durable >= (line?.record.sequence ?? 0));
          writeFileSync(segmentPath(directory.path, 0), wrong);
          expect(readBack()).toEqual(isVouchedFor ? damagedAt(line?.start) : wholeCommits(damaged));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("with a wrong newline between its last two commits is damaged, not torn", async () => {
    const { bytes, lines } = await writeLog([1, 1]);
    bytes[(lines[0]?.end ?? 0) - 1] = 0x20;
    writeFileSync(segmentPath(directory.path, 0), bytes);
    expect(readBack()).toEqual(damagedAt(0));
  });

  test("that ends before a commit that was there at the last orderly end is refused", async () => {
    const { lines } = await writeLog([1, 1]);
    truncateSync(segmentPath(directory.path, 0), lines[0]?.end);
    expect(() => openStore(directory.path, NEVER)).toThrow(
      "ends with commit 1, but commit 2 was there when it was closed",
    );
  });

  test("that is missing where documents once were is refused", async () => {
    await writeLog([1]);
    rmSync(segmentPath(directory.path, 0));
    expect(() => openStore(directory.path, NEVER)).toThrow("its log is missing");
  });

  test("is written on behind a torn tail, which is gone then", async () => {
    const { bytes } = await writeLog([1, 1]);
    const path = segmentPath(directory.path, 0);
    for (const tail of ["0badc0de {", "0badc0de {}\n0badc0de {}\n", "\n", "\0".repeat(100)]) {
      forgetOrderlyEnd(directory.path);
      writeFileSync(path, bytes);
      appendFileSync(path, tail);
      const store = openStore(directory.path, NEVER);
      expect(itemsOf(store)).toEqual(itemsAfter(2));
      await commitNumber(store, 3);
      await store.close();
      const again = openStore(directory.path, NEVER);
      expect(itemsOf(again)).toEqual(itemsAfter(3));
      await again.close();
      expect(readFileSync(path).includes("0badc0de")).toBe(false);
      expect(readFileSync(join(directory.path, "torn-tail"), "latin1")).toBe(tail);
    }
  });
});
