import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { silentLogger, type Logger } from "@bifrost/shared/ports/logger";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Store } from "../store/store.ts";
import { temporaryDirectory } from "../testing/firestore-fixture.ts";
import { generationsIn } from "./generations.ts";
import { diskDevice, type LogDevice } from "./log-device.ts";
import {
  commitNumber,
  everyCommit,
  itemsAfter,
  itemsOf,
  openStore,
  replayed,
} from "./testing/little-store.ts";

let directory = temporaryDirectory();
let copy = temporaryDirectory();
beforeEach(() => {
  directory = temporaryDirectory();
  copy = temporaryDirectory();
});
afterEach(() => {
  directory.remove();
  copy.remove();
});

/** Where a full disk shows itself during a compaction. */
const PLACES = [
  "segment",
  "segment's name",
  "draft",
  "block",
  "sync",
  "rename",
  "snapshot's name",
] as const;
type Place = (typeof PLACES)[number];

/** A disk that finds no space at one place of a compaction, as long as it is `full`. */
class FullAt implements LogDevice {
  full = false;
  refusals = 0;
  readonly #place: Place;
  readonly #drafts = new Set<number>();
  #synced: "segment's name" | "snapshot's name" = "segment's name";

  constructor(place: Place) {
    this.#place = place;
  }

  truncate(file: number, bytes: number): Promise<void> {
    return diskDevice.truncate(file, bytes);
  }
  remove(path: string): Promise<void> {
    return diskDevice.remove(path);
  }
  async create(path: string): Promise<number> {
    const isDraft = path.endsWith(".draft");
    this.#refuseAt(isDraft ? "draft" : "segment");
    this.#synced = "segment's name";
    const file = await diskDevice.create(path);
    if (isDraft) this.#drafts.add(file);
    return file;
  }
  async write(file: number, bytes: Buffer, position: number): Promise<number> {
    if (!this.#drafts.has(file)) return await diskDevice.write(file, bytes, position);
    const isFull = this.full && this.#place === "block";
    if (isFull) await diskDevice.write(file, bytes.subarray(0, bytes.length / 2), position);
    this.#refuseAt("block");
    return await diskDevice.write(file, bytes, position);
  }
  async sync(file: number): Promise<void> {
    if (this.#drafts.has(file)) this.#refuseAt("sync");
    await diskDevice.sync(file);
  }
  async close(file: number): Promise<void> {
    this.#drafts.delete(file);
    await diskDevice.close(file);
  }
  async rename(from: string, to: string): Promise<void> {
    this.#refuseAt("rename");
    await diskDevice.rename(from, to);
    this.#synced = "snapshot's name";
  }
  async syncDirectory(path: string): Promise<void> {
    this.#refuseAt(this.#synced);
    await diskDevice.syncDirectory(path);
  }

  #refuseAt(place: Place): void {
    if (!this.full || place !== this.#place) return;
    this.refusals += 1;
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  }
}

/** The files as they are now, opened by someone else. */
function openedCopy(): Store {
  // A draft that a compaction gives up in the middle of the copying is gone when its turn comes.
  for (let isWhole = false; !isWhole;) isWhole = isCopied();
  rmSync(join(copy.path, "lock"));
  return openStore(copy.path);
}

function isCopied(): boolean {
  rmSync(copy.path, { recursive: true, force: true });
  try {
    cpSync(directory.path, copy.path, { recursive: true });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

const compactions = (store: Store): number => Number(store.journalFacts()["compactions"]);

test.each(PLACES)(
  "a disk that is full at the %s leaves the old generation in force, says so, and compacts later",
  async (place) => {
    const warnings: string[] = [];
    const log: Logger = { ...silentLogger, warn: (event) => warnings.push(event) };
    const device = new FullAt(place);
    const store = openStore(directory.path, { device }, log);
    store.retain(() => 0);
    let n = 0;
    while (compactions(store) === 0) await commitNumber(store, (n += 1));
    device.full = true;
    while (device.refusals < 1) await commitNumber(store, (n += 1));
    const before = compactions(store);
    while (device.refusals < 3) await commitNumber(store, (n += 1));
    expect(compactions(store)).toBe(before);
    expect(warnings).toContain(
      "firestore could not compact its log; it goes on with the longer one",
    );
    // Killed here: what is on the disk must be enough.
    const restarted = openedCopy();
    expect(itemsOf(restarted)).toEqual(itemsAfter(n));
    expect(replayed(restarted, 0)).toEqual(everyCommit(0, n));
    await restarted.close();
    device.full = false;
    while (compactions(store) === before) await commitNumber(store, (n += 1));
    await store.close();
    const again = openStore(directory.path);
    expect(itemsOf(again)).toEqual(itemsAfter(n));
    expect(replayed(again, 0)).toEqual(everyCommit(0, n));
    await again.close();
    expect(generationsIn(readdirSync(directory.path)).snapshots.length).toBeGreaterThanOrEqual(2);
  },
);
