/** The append-only log with group commit: what arrives while a sync is in flight shares the next one. */
import { close, fdatasync, fsyncSync, ftruncate, openSync, closeSync, write } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";

export interface Journal {
  /**
   * Queues one line; an empty one only waits for all before it. `settled` is called with null once the line is
   * durable, in the order of the calls. When a write fails, every queued line is given the error and none of
   * them is in the log: they were decided on top of each other.
   */
  append(line: string, settled: (error: Error | null) => void): void;
  /** Waits for what is queued, then closes the file. */
  close(): Promise<void>;
  readonly bytes: number;
  readonly syncs: number;
}

interface Entry {
  readonly line: string;
  readonly settled: (error: Error | null) => void;
}

/** The file operations, replaceable to test full disks. */
export interface LogDevice {
  write(file: number, bytes: Buffer, position: number): Promise<number>;
  sync(file: number): Promise<void>;
  truncate(file: number, bytes: number): Promise<void>;
}

export const diskDevice: LogDevice = {
  write: (file, bytes, position) =>
    new Promise((resolve, reject) => {
      write(file, bytes, 0, bytes.length, position, (error, written) =>
        error === null ? resolve(written) : reject(error),
      );
    }),
  sync: promisify(fdatasync),
  truncate: promisify(ftruncate),
};

export class LogFile implements Journal {
  readonly #file: number;
  readonly #device: LogDevice;
  #queue: Entry[] = [];
  #bytes: number;
  #syncs = 0;
  #running = false;
  #dirtyTail = false;
  #idle: (() => void)[] = [];

  /** `goodBytes` is where the next record goes; whatever lies behind is cut first. */
  constructor(path: string, goodBytes: number, device: LogDevice = diskDevice) {
    closeSync(openSync(path, "a"));
    this.#file = openSync(path, "r+");
    syncDirectory(dirname(path));
    this.#bytes = goodBytes;
    this.#device = device;
    this.#dirtyTail = true;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get syncs(): number {
    return this.#syncs;
  }

  append(line: string, settled: (error: Error | null) => void): void {
    this.#queue.push({ line, settled });
    if (!this.#running) void this.#pump();
  }

  async close(): Promise<void> {
    if (this.#running) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await promisify(close)(this.#file);
  }

  async #pump(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      const error = await this.#writeBatch(batch).then(
        () => null,
        (reason: unknown) => (reason instanceof Error ? reason : new Error(String(reason))),
      );
      const failedToo = error === null ? [] : this.#queue.splice(0);
      for (const entry of [...batch, ...failedToo]) entry.settled(error);
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #writeBatch(batch: readonly Entry[]): Promise<void> {
    const bytes = Buffer.from(batch.map((entry) => entry.line).join(""));
    if (bytes.length === 0) return;
    if (this.#dirtyTail) await this.#device.truncate(this.#file, this.#bytes);
    this.#dirtyTail = true;
    try {
      await this.#writeAll(bytes);
      await this.#device.sync(this.#file);
    } catch (error) {
      // A half-written record must not survive to be read; when even this fails, the next batch tries again.
      await this.#device.truncate(this.#file, this.#bytes).catch(() => undefined);
      throw error;
    }
    this.#dirtyTail = false;
    this.#bytes += bytes.length;
    this.#syncs += 1;
  }

  async #writeAll(bytes: Buffer): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      done += await this.#device.write(this.#file, bytes.subarray(done), this.#bytes + done);
    }
  }
}

/** Without it a crash of the machine could lose the name of a fresh file. */
function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Keeps nothing: commits settle in the next microtask, in order. */
export class MemoryJournal implements Journal {
  readonly bytes = 0;
  readonly syncs = 0;

  append(_line: string, settled: (error: Error | null) => void): void {
    queueMicrotask(() => settled(null));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
