/** The segment of the log that is written: whole batches, durable or not there. */
import { openSync } from "node:fs";
import { dirname } from "node:path";
import { writeAll, type LogDevice } from "./log-device.ts";

export class SegmentFile {
  readonly #device: LogDevice;
  readonly #file: number;
  #bytes: number;
  /** There may be something behind the good bytes; it is cut before the next write. */
  #dirtyTail: boolean;

  private constructor(device: LogDevice, file: number, bytes: number, dirtyTail: boolean) {
    this.#device = device;
    this.#file = file;
    this.#bytes = bytes;
    this.#dirtyTail = dirtyTail;
  }

  /** Goes on behind the first `goodBytes` of a file that exists. */
  static open(device: LogDevice, path: string, goodBytes: number): SegmentFile {
    return new SegmentFile(device, openSync(path, "r+"), goodBytes, true);
  }

  /** Makes a segment whose name survives a crash, or leaves none. */
  static async create(device: LogDevice, path: string): Promise<SegmentFile> {
    const file = await device.create(path);
    try {
      await device.syncDirectory(dirname(path));
    } catch (error) {
      await device.close(file).catch(() => undefined);
      // Should this fail as well: a reader passes over an empty segment in the range of the one before it.
      await device.remove(path).catch(() => undefined);
      throw error;
    }
    return new SegmentFile(device, file, 0, false);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when durable; when it rejects, nothing of `batch` will be read. */
  async append(batch: Buffer): Promise<void> {
    if (this.#dirtyTail) await this.#device.truncate(this.#file, this.#bytes);
    this.#dirtyTail = true;
    try {
      await writeAll(this.#device, this.#file, batch, this.#bytes);
      await this.#device.sync(this.#file);
    } catch (error) {
      // A half-written record must not survive to be read; when even this fails, the next batch tries again.
      await this.#device.truncate(this.#file, this.#bytes).catch(() => undefined);
      throw error;
    }
    this.#dirtyTail = false;
    this.#bytes += batch.length;
  }

  close(): Promise<void> {
    return this.#device.close(this.#file);
  }
}
