/** Objects in memory; the first content under a name stays. */
import { BifrostError } from "../domain/errors.ts";
import type { ObjectStore, StoredObject } from "../ports/object-store.ts";

export class MemoryObjectStore implements ObjectStore {
  readonly #objects = new Map<string, Uint8Array>();

  async put(
    bucket: string,
    name: string,
    content: ReadableStream<Uint8Array>,
  ): Promise<StoredObject> {
    const bytes = new Uint8Array(await new Response(content).arrayBuffer());
    const path = `${bucket}/${name}`;
    if (!this.#objects.has(path)) this.#objects.set(path, bytes);
    return { bucket, name, generation: "1" };
  }

  async find(bucket: string, name: string): Promise<StoredObject | null> {
    return this.#objects.has(`${bucket}/${name}`) ? { bucket, name, generation: "1" } : null;
  }

  async read(bucket: string, name: string, maxBytes: number): Promise<Uint8Array | null> {
    const bytes = this.#objects.get(`${bucket}/${name}`) ?? null;
    if (bytes !== null && bytes.length > maxBytes)
      throw new BifrostError("body-too-large", `${name} has more than ${maxBytes} bytes`);
    return bytes;
  }
}
