/** A file or standard output that several processes append lines to. */
import { fstatSync } from "node:fs";
import { mkdir, open, type FileHandle } from "node:fs/promises";
import { write } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { Timers } from "@bifrost/shared/domain/time";
import { MAX_LINE_BYTES } from "./access-line.ts";

const writeTo = promisify(write);

const STDOUT = 1;
/** Appended to a file at once; the kernel keeps appends of several processes apart. */
const FILE_CHUNK_BYTES = 64 * 1024;
/** A pipe that is full, because its reader is slow, is tried again after so long. */
const FULL_PIPE_MS = 20;

export interface LineSink {
  /** Most bytes for one write. */
  readonly chunkBytes: number;
  /** `chunk` is whole lines and at most chunkBytes. */
  write(chunk: Buffer): Promise<void>;
  /** After the file was renamed: goes on in a new one of the old name. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

/** `stdout`, or the path of a file, which is made if it is not there. */
export function openLineSink(where: string, timers: Timers): Promise<LineSink> {
  return where === "stdout" ? Promise.resolve(standardOutput(timers)) : openFile(where, timers);
}

function standardOutput(timers: Timers): LineSink {
  const stat = fstatSync(STDOUT);
  return {
    chunkBytes: stat.isFIFO() || stat.isSocket() ? MAX_LINE_BYTES : FILE_CHUNK_BYTES,
    write: (chunk) => writeAll(STDOUT, chunk, timers),
    reopen: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

async function openFile(file: string, timers: Timers): Promise<LineSink> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const openOne = (): Promise<FileHandle> => open(file, "a", 0o600);
  let handle = await openOne();
  return {
    chunkBytes: FILE_CHUNK_BYTES,
    write: (chunk) => writeAll(handle.fd, chunk, timers),
    async reopen() {
      const former = handle;
      handle = await openOne();
      await former.close();
    },
    close: () => handle.close(),
  };
}

async function writeAll(descriptor: number, chunk: Buffer, timers: Timers): Promise<void> {
  for (let at = 0; at < chunk.length;) {
    try {
      at += (await writeTo(descriptor, chunk, at)).bytesWritten;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await timers.sleep(FULL_PIPE_MS);
    }
  }
}
