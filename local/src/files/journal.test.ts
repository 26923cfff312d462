import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, array, integer, property, string } from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Journal } from "./journal.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "journal-"));
  path = join(folder, "journal");
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(): { journal: Journal; records: unknown[] } {
  const records: unknown[] = [];
  return { journal: Journal.open(path, (record) => records.push(record)), records };
}

function written(values: readonly unknown[]): void {
  const { journal } = open();
  for (const value of values) journal.append(value);
  journal.close();
}

describe("a journal", () => {
  test("reads back what was appended, cut at any byte, as a prefix; and then goes on", () => {
    assert(
      property(array(string(), { minLength: 1, maxLength: 6 }), integer(), (values, cut) => {
        rmSync(path, { force: true });
        written(values);
        const size = readFileSync(path).length;
        truncateSync(path, Math.abs(cut) % (size + 1));
        const { journal, records } = open();
        expect(records).toEqual(values.slice(0, records.length));
        journal.append("after");
        journal.close();
        expect(open().records).toEqual([...records, "after"]);
      }),
      { numRuns: 100 },
    );
  });

  test("stops at a record whose content was damaged", () => {
    written(["first", "second"]);
    writeFileSync(path, readFileSync(path, "utf8").replace("second", "sec0nd"));
    expect(open().records).toEqual(["first"]);
  });

  test("rewriting replaces everything and appending continues behind it", () => {
    written(["old", "older"]);
    const { journal } = open();
    journal.rewrite(["new"]);
    journal.append("newer");
    journal.close();
    expect(open().records).toEqual(["new", "newer"]);
  });

  test("a compaction that never finished leaves the old file valid", () => {
    written(["kept"]);
    appendFileSync(`${path}.compact`, "half a rec");
    expect(open().records).toEqual(["kept"]);
  });

  test("keeps what was appended when the process is killed right after", () => {
    const script = `
      import { Journal } from ${JSON.stringify(join(import.meta.dirname, "journal.ts"))};
      const journal = Journal.open(process.argv[2], () => {});
      for (let n = 0; n < 500; n++) journal.append({ n });
      process.kill(process.pid, "SIGKILL");`;
    const file = join(folder, "killed.ts");
    writeFileSync(file, script);
    const tsx = join(import.meta.dirname, "../../../node_modules/tsx/dist/cli.mjs");
    spawnSync(process.execPath, [tsx, file, path], { timeout: 15_000 });
    expect(open().records).toHaveLength(500);
  });
});
