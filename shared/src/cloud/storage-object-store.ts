import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { BifrostError } from "../domain/errors.ts";
import type { ObjectStore, StoredObject } from "../ports/object-store.ts";

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
    async put(bucket, name, content) {
      const existing = await find(bucket, name);
      if (existing !== null) {
        await content.cancel();
        return existing;
      }
      const file = client.bucket(bucket).file(name);
      const source = Readable.fromWeb(content as NodeReadableStream);
      const isNew = { ifGenerationMatch: 0 };
      try {
        await pipeline(
          source,
          file.createWriteStream({ resumable: false, preconditionOpts: isNew }),
        );
      } catch (error) {
        // Somebody else stored it meanwhile.
        if (statusOf(error) !== 412) throw error;
      }
      const stored = await find(bucket, name);
      if (stored === null) {
        throw new BifrostError("upstream-unavailable", "the object just stored cannot be found", {
          bucket,
          name,
        });
      }
      return stored;
    },
  };
}

function statusOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function tooLarge(bucket: string, name: string, maxBytes: number): BifrostError {
  return new BifrostError("body-too-large", `${name} has more than the ${maxBytes} bytes allowed`, {
    bucket,
    name,
    maxBytes,
  });
}
