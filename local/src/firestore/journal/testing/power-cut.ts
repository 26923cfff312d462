/** A disk whose power fails: at one operation everything stops, and what was not synced is gone or half there. */
import { closeSync, copyFileSync, existsSync, ftruncateSync, renameSync, rmSync } from "node:fs";
import { diskDevice, type LogDevice } from "../log-device.ts";

/** What is left of what no sync made durable: all of it after a mere kill of the process. */
export type Leftover = "all" | "half" | "none";

interface Extent {
  synced: number;
  written: number;
}

export class PowerCut implements LogDevice {
  operations = 0;
  readonly #cutAt: number;
  readonly #leftover: Leftover;
  readonly #extents = new Map<number, Extent>();
  /** Newest last: how to take back what was done to names since their directory was synced. */
  #undo: (() => void)[] = [];
  #isDown = false;
  #last: Promise<unknown> = Promise.resolve();

  /** The operation with this number, counted from 0, is not carried out, and none after it. */
  constructor(cutAt: number, leftover: Leftover) {
    this.#cutAt = cutAt;
    this.#leftover = leftover;
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  create(path: string): Promise<number> {
    return this.#operate(async () => {
      const file = await diskDevice.create(path);
      this.#extents.set(file, { synced: 0, written: 0 });
      this.#undo.push(() => rmSync(path, { force: true }));
      return file;
    });
  }

  write(file: number, bytes: Buffer, position: number): Promise<number> {
    return this.#operate(async () => {
      const written = await diskDevice.write(file, bytes, position);
      this.#extentOf(file, position).written = position + written;
      return written;
    });
  }

  sync(file: number): Promise<void> {
    return this.#operate(async () => {
      await diskDevice.sync(file);
      const extent = this.#extents.get(file);
      if (extent !== undefined) extent.synced = extent.written;
    });
  }

  truncate(file: number, bytes: number): Promise<void> {
    return this.#operate(async () => {
      await diskDevice.truncate(file, bytes);
      this.#extentOf(file, bytes).written = bytes;
    });
  }

  /** Works without power too, so that a test leaks no files. */
  async close(file: number): Promise<void> {
    await this.#last;
    const { synced, written } = this.#extents.get(file) ?? { synced: 0, written: 0 };
    // What was never synced may still be lost: the file is kept at hand for that.
    if (written > synced && !this.#isDown) return;
    this.#extents.delete(file);
    closeSync(file);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#operate(async () => {
      await diskDevice.rename(from, to);
      this.#undo.push(() => renameSync(to, from));
    });
  }

  remove(path: string): Promise<void> {
    return this.#operate(async () => {
      const copy = `${path}.removed`;
      if (existsSync(path)) copyFileSync(path, copy);
      await diskDevice.remove(path);
      // The harshest case: names that were added are lost, names that were removed are gone.
      if (this.#leftover !== "none") this.#undo.push(() => renameSync(copy, path));
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#operate(async () => {
      await diskDevice.syncDirectory(path);
      this.#undo = [];
    });
  }

  #extentOf(file: number, start: number): Extent {
    const extent = this.#extents.get(file) ?? { synced: start, written: start };
    this.#extents.set(file, extent);
    return extent;
  }

  /** One at a time, so that none is under way when the power fails. */
  async #operate<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      if (!this.#isDown && this.operations === this.#cutAt) this.#cut();
      if (this.#isDown) throw new Error("EIO: the power is gone");
      this.operations += 1;
      return operation();
    });
    this.#last = result.catch(() => undefined);
    return await result;
  }

  #cut(): void {
    this.#isDown = true;
    if (this.#leftover === "all") return;
    const share = this.#leftover === "half" ? 0.5 : 0;
    for (const [file, { synced, written }] of this.#extents) {
      if (written > synced) ftruncateSync(file, synced + Math.floor((written - synced) * share));
    }
    for (const undo of this.#undo.toReversed()) undo();
  }
}
