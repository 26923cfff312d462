/**
 * Content-addressed files shared by all repositories, with a link file per repository: a repository sees
 * only the blobs that were uploaded to it, so knowing a digest gives nobody another project's bytes.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { hexOf } from "./digest.ts";
import { isMissing, publishFile, writeDurably } from "./durable-file.ts";
import { RegistryError } from "./registry-error.ts";

const UPLOAD_ID = /^[0-9a-f-]{36}$/;
const STALE_UPLOAD_MS = 24 * 3_600_000;

export interface Blob {
  readonly path: string;
  readonly bytes: number;
}

export class BlobStore {
  readonly #dir: string;
  readonly #maxBytes: number;

  constructor(dir: string, maxBytes: number) {
    this.#dir = dir;
    this.#maxBytes = maxBytes;
  }

  /** Directory with everything that belongs to one repository. */
  repositoryDir(repository: string): string {
    return join(this.#dir, "repositories", encodeURIComponent(repository));
  }

  /** The blob if it was uploaded to this repository, else undefined. */
  async find(repository: string, digest: string): Promise<Blob | undefined> {
    const hex = hexOf(digest);
    try {
      await access(this.#linkPath(repository, hex));
      const path = this.#blobPath(hex);
      return { path, bytes: (await stat(path)).size };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Starts an upload and returns its id; it survives a restart for a day. */
  async begin(repository: string): Promise<string> {
    const id = randomUUID();
    await mkdir(this.#uploadDir(repository), { recursive: true });
    await (await open(this.#uploadPath(repository, id), "wx")).close();
    return id;
  }

  /** Bytes received so far. Throws BLOB_UPLOAD_UNKNOWN. */
  async received(repository: string, id: string): Promise<number> {
    try {
      return (await stat(this.#uploadPath(repository, id))).size;
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new RegistryError("BLOB_UPLOAD_UNKNOWN", `no upload ${id} in ${repository}`);
    }
  }

  /** Appends a body to an upload and returns the size it has now. */
  async append(repository: string, id: string, body: Readable): Promise<number> {
    let size = await this.received(repository, id);
    const limit = this.#maxBytes;
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        size += chunk.length;
        if (size <= limit) return done(null, chunk);
        return done(new RegistryError("SIZE_INVALID", `a blob may have ${limit} bytes at most`));
      },
    });
    const file = createWriteStream(this.#uploadPath(repository, id), { flags: "a" });
    await pipeline(body, counted, file);
    return size;
  }

  /** Verifies the digest of a complete upload and gives it its name. A wrong digest discards the upload. */
  async finish(repository: string, id: string, digest: string): Promise<void> {
    const hex = hexOf(digest);
    const upload = this.#uploadPath(repository, id);
    await this.received(repository, id);
    const actual = await syncAndHash(upload);
    if (actual !== hex) {
      await rm(upload, { force: true });
      throw new RegistryError("DIGEST_INVALID", `the bytes are sha256:${actual}, not ${digest}`);
    }
    const path = this.#blobPath(hex);
    await mkdir(join(path, ".."), { recursive: true });
    await publishFile(upload, path);
    await writeDurably(this.#linkPath(repository, hex), "");
  }

  async abort(repository: string, id: string): Promise<void> {
    await this.received(repository, id);
    await rm(this.#uploadPath(repository, id), { force: true });
  }

  /** Removes uploads nobody touched for a day. */
  async sweep(now: number): Promise<void> {
    const root = join(this.#dir, "repositories");
    for (const repository of await listOrNothing(root)) {
      const dir = join(root, repository, "uploads");
      for (const name of await listOrNothing(dir)) {
        const path = join(dir, name);
        if (now - (await stat(path)).mtimeMs > STALE_UPLOAD_MS) await rm(path, { force: true });
      }
    }
  }

  #blobPath(hex: string): string {
    return join(this.#dir, "blobs", "sha256", hex.slice(0, 2), hex);
  }

  #linkPath(repository: string, hex: string): string {
    return join(this.repositoryDir(repository), "blobs", hex);
  }

  #uploadDir(repository: string): string {
    return join(this.repositoryDir(repository), "uploads");
  }

  #uploadPath(repository: string, id: string): string {
    if (!UPLOAD_ID.test(id)) {
      throw new RegistryError("BLOB_UPLOAD_UNKNOWN", `no upload ${id.slice(0, 64)}`);
    }
    return join(this.#uploadDir(repository), id);
  }
}

/** File names in a directory, none when it does not exist. */
export async function listOrNothing(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function syncAndHash(path: string): Promise<string> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
