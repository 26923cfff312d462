/** Every operation by which the journal changes the disk, replaceable to test full disks and power cuts. */
import * as fs from "node:fs";
import { promisify } from "node:util";

export interface LogDevice {
  /** Makes an empty file; fails when the name is taken. */
  create(path: string): Promise<number>;
  write(file: number, bytes: Buffer, position: number): Promise<number>;
  sync(file: number): Promise<void>;
  truncate(file: number, bytes: number): Promise<void>;
  close(file: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Without it a crash of the machine could lose the name of a fresh file, or bring a removed one back. */
  syncDirectory(path: string): Promise<void>;
}

export const diskDevice: LogDevice = {
  create: (path) => promisify(fs.open)(path, "wx+", 0o600),
  write: (file, bytes, position) =>
    new Promise((resolve, reject) => {
      fs.write(file, bytes, 0, bytes.length, position, (error, written) =>
        error === null ? resolve(written) : reject(error),
      );
    }),
  sync: promisify(fs.fdatasync),
  truncate: promisify(fs.ftruncate),
  close: promisify(fs.close),
  rename: fs.promises.rename,
  remove: fs.promises.unlink,
  async syncDirectory(path) {
    const directory = await fs.promises.open(path, "r");
    await directory.sync().finally(() => directory.close());
  },
};

export async function writeAll(
  device: LogDevice,
  file: number,
  bytes: Buffer,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    done += await device.write(file, bytes.subarray(done), position + done);
  }
}
