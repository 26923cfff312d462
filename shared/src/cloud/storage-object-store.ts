import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import type { File } from "@google-cloud/storage";
import { BifrostError } from "../domain/errors.ts";
import type { ObjectStore, StoredObject } from "../ports/object-store.ts";

import { storageReader } from "./storage-reader.ts";

export interface ObjectStoreOptions {
  readonly projectId: string;
  /** Another server than Google's, for example `http://127.0.0.1:4443`; null in production. */
  readonly endpoint: string | null;
}

export async function storageObjectStore(options: ObjectStoreOptions): Promise<ObjectStore> {
  const { Storage } = await import("@google-cloud/storage");
  const client = new Storage({
    projectId: options.projectId,
    ...(options.endpoint === null ? {} : { apiEndpoint: options.endpoint }),
  });

  async function find(bucket: string, name: string): Promise<StoredObject | null> {
    try {
      const [metadata] = await client.bucket(bucket).file(name).getMetadata();
      return { bucket, name, generation: String(metadata.generation) };
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw error;
    }
  }

  return {
    find,
    async read(bucket, name, maxBytes) {
      const chunks: Buffer[] = [];
      let bytes = 0;
      try {
        for await (const chunk of client.bucket(bucket).file(name).createReadStream()) {
          chunks.push(chunk as Buffer);
          bytes += (chunk as Buffer).length;
          if (bytes > maxBytes) throw tooLarge(bucket, name, maxBytes);
        }
      } catch (error) {
        if (statusOf(error) === 404) return null;
        throw error;
      }
      return Buffer.concat(chunks);
    },
    ...storageReader(options),
    async list(bucket, prefix) {
      const [files] = await client.bucket(bucket).getFiles({ prefix });
      return files.map(({ name, metadata }) => ({ name, size: Number(metadata.size ?? 0) }));
    },
    async remove(bucket, name) {
      await client.bucket(bucket).file(name).delete({ ignoreNotFound: true });
    },
    async put(bucket, name, content) {
      const existing = await find(bucket, name);
      if (existing !== null) {
        await content.cancel();
        return existing;
      }
      await create(client.bucket(bucket).file(name), content);
      const stored = await find(bucket, name);
      if (stored === null) throw vanished(bucket, name);
      return stored;
    },
  };
}

/** An object that somebody else stored meanwhile stays as it is. */
async function create(file: File, content: ReadableStream<Uint8Array>): Promise<void> {
  const source = Readable.fromWeb(content as NodeReadableStream);
  const preconditionOpts = { ifGenerationMatch: 0 };
  try {
    await pipeline(source, file.createWriteStream({ resumable: false, preconditionOpts }));
  } catch (error) {
    if (statusOf(error) !== 412) throw error;
  }
}

function statusOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function vanished(bucket: string, name: string): BifrostError {
  const message = "the object just stored cannot be found";
  return new BifrostError("upstream-unavailable", message, { bucket, name });
}

function tooLarge(bucket: string, name: string, maxBytes: number): BifrostError {
  return new BifrostError("body-too-large", `${name} has more than the ${maxBytes} bytes allowed`, {
    bucket,
    name,
    maxBytes,
  });
}
