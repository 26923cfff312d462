/** Writes one tar+gzip layer whose bytes depend only on names, contents, links and executable bits. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Transform, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack, type Pack } from "tar-stream";
import { PackError } from "./pack-error.ts";
import type { LayerEntry } from "./scan-directory.ts";

const EPOCH = new Date(0);
const GZIP_LEVEL = 4;
const GZIP_MTIME_AT = 4;
const GZIP_OS_AT = 9;
const GZIP_OS_UNKNOWN = 255;
const READ_BYTES = 256 * 1024;

export interface LayerFile {
  readonly path: string;
  readonly bytes: number;
  /** Of the compressed file. */
  readonly digest: string;
  /** Of the tar inside. */
  readonly diffId: string;
}

/** Writes the entries in the given order to `path`. */
export async function writeLayer(entries: readonly LayerEntry[], path: string): Promise<LayerFile> {
  const archive = pack();
  const tarHash = createHash("sha256");
  const fileHash = createHash("sha256");
  const writing = pipeline(
    archive as unknown as AsyncIterable<Uint8Array>,
    new Tap((chunk) => tarHash.update(chunk)),
    createGzip({ level: GZIP_LEVEL, memLevel: 9 }),
    new GzipHeader(),
    new Tap((chunk) => fileHash.update(chunk)),
    createWriteStream(path),
  );
  await Promise.all([fill(archive, entries), writing]);
  return {
    path,
    bytes: (await stat(path)).size,
    digest: `sha256:${fileHash.digest("hex")}`,
    diffId: `sha256:${tarHash.digest("hex")}`,
  };
}

async function fill(archive: Pack, entries: readonly LayerEntry[]): Promise<void> {
  try {
    for (const entry of entries) await add(archive, entry);
    archive.finalize();
  } catch (error) {
    archive.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

async function add(archive: Pack, entry: LayerEntry): Promise<void> {
  const header = {
    name: entry.type === "directory" ? `${entry.name}/` : entry.name,
    type: entry.type,
    mode: entry.type === "symlink" ? 0o777 : entry.isExecutable ? 0o755 : 0o644,
    mtime: EPOCH,
    uid: 0,
    gid: 0,
  };
  if (entry.type === "symlink") return void archive.entry({ ...header, linkname: entry.target });
  if (entry.type === "directory") return void archive.entry(header);
  await addFile(archive, entry, header);
}

async function addFile(archive: Pack, entry: LayerEntry, header: { name: string }): Promise<void> {
  if (entry.size === 0) return void archive.entry({ ...header, size: 0 }, "");
  const source = createReadStream(entry.source, { end: entry.size - 1, highWaterMark: READ_BYTES });
  const sink = archive.entry({ ...header, size: entry.size });
  try {
    await pipeline(source, sink as unknown as NodeJS.WritableStream);
  } catch (error) {
    throw new PackError(
      `"${entry.name}" changed or vanished while it was packed: ${String(error)}`,
    );
  }
  return undefined;
}

class Tap extends Transform {
  readonly #see: (chunk: Buffer) => void;

  constructor(see: (chunk: Buffer) => void) {
    super();
    this.#see = see;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#see(chunk);
    done(null, chunk);
  }
}

/** zlib writes the build platform into its header; this fixes it so that every machine writes the same. */
class GzipHeader extends Transform {
  #at = 0;

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    for (let index = 0; index < chunk.length && this.#at <= GZIP_OS_AT; index++, this.#at++) {
      if (this.#at === GZIP_OS_AT) chunk[index] = GZIP_OS_UNKNOWN;
      else if (this.#at >= GZIP_MTIME_AT && this.#at < GZIP_MTIME_AT + 4) chunk[index] = 0;
    }
    done(null, chunk);
  }
}
