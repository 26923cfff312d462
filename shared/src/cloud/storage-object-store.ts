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
      if ((error as { code?: number }).code === 404) return null;
      throw error;
    }
  }

  return {
    find,
    async put(bucket, name, content) {
      const existing = await find(bucket, name);
      if (existing !== null) {
        await content.cancel();
        return existing;
      }
      const file = client.bucket(bucket).file(name);
      const source = Readable.fromWeb(content as NodeReadableStream);
      await pipeline(source, file.createWriteStream({ resumable: false }));
      const stored = await find(bucket, name);
      if (stored === null) {
        throw new BifrostError(
          "upstream-unavailable",
          "the stored source archive cannot be found",
          { bucket, name },
        );
      }
      return stored;
    },
  };
}
