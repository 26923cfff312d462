/** An append-only file of checksummed JSON records: what was appended is read back, a torn tail is cut off. */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";

/**
 * Appending is one synchronous write, so a record is safe from the end of this process the moment `append`
 * returns. (A power cut may take the last seconds: nothing is flushed to the disk itself.)
 */
export class Journal {
  readonly #path: string | undefined;
  #descriptor: number | undefined;
  #bytes = 0;

  private constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Hands every intact record to `visit`, oldest first; without a path nothing is kept. */
  static open(path: string | undefined, visit: (record: unknown) => void): Journal {
    const journal = new Journal(path);
    if (path === undefined) return journal;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const descriptor = openSync(path, "a+", 0o600);
    journal.#descriptor = descriptor;
    journal.#bytes = visitRecords(readFileSync(path), visit);
    if (fstatSync(descriptor).size > journal.#bytes) ftruncateSync(descriptor, journal.#bytes);
    return journal;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** All or nothing: when the write fails (a full disk), what it left behind is removed again. */
  append(record: unknown): void {
    if (this.#descriptor === undefined) return;
    const line = encode(record);
    try {
      writeAll(this.#descriptor, line);
    } catch (error) {
      ftruncateSync(this.#descriptor, this.#bytes);
      throw error;
    }
    this.#bytes += line.length;
  }

  /** Replaces the whole content at once; a crash leaves either the old file or the new one. */
  rewrite(records: Iterable<unknown>): void {
    if (this.#path === undefined || this.#descriptor === undefined) return;
    const temporary = `${this.#path}.compact`;
    const descriptor = openSync(temporary, "w+", 0o600);
    let bytes = 0;
    for (const record of records) {
      const line = encode(record);
      writeAll(descriptor, line);
      bytes += line.length;
    }
    closeSync(descriptor);
    renameSync(temporary, this.#path);
    closeSync(this.#descriptor);
    this.#descriptor = openSync(this.#path, "a", 0o600);
    this.#bytes = bytes;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function encode(record: unknown): Buffer {
  const json = JSON.stringify(record);
  return Buffer.from(`${checksum(json)} ${json}\n`);
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, "0");
}

function writeAll(descriptor: number, line: Buffer): void {
  let written = 0;
  while (written < line.length) written += writeSync(descriptor, line, written);
}

/** Number of bytes up to the end of the last record that is whole. */
function visitRecords(content: Buffer, visit: (record: unknown) => void): number {
  let start = 0;
  for (;;) {
    const end = content.indexOf(10, start);
    if (end === -1) return start;
    const line = content.toString("utf8", start, end);
    const json = line.slice(9);
    if (line.slice(0, 8) !== checksum(json)) return start;
    visit(JSON.parse(json));
    start = end + 1;
  }
}
