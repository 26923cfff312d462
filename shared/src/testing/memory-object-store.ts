/** Objects in memory; the first content under a name stays. */
import { BifrostError } from "../domain/errors.ts";
import type { ByteRange, ListedObject, ObjectStore, StoredObject } from "../ports/object-store.ts";

export class MemoryObjectStore implements ObjectStore {
  /** Names in the order they were stored in. */
  readonly puts: string[] = [];
  /** After so many the store is away. */
  mostPuts = Infinity;
  readonly #objects = new Map<string, Uint8Array<ArrayBuffer>>();

  async put(
    bucket: string,
    name: string,
    content: ReadableStream<Uint8Array>,
  ): Promise<StoredObject> {
    const bytes = new Uint8Array(await new Response(content).arrayBuffer());
    const path = `${bucket}/${name}`;
    if (this.puts.length >= this.mostPuts)
      throw new BifrostError("upstream-unavailable", "the bucket is away");
    if (!this.#objects.has(path)) this.puts.push(name);
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

  async stream(
    bucket: string,
    name: string,
    range: ByteRange | null,
  ): Promise<AsyncIterable<Uint8Array> | null> {
    const bytes = this.#objects.get(`${bucket}/${name}`);
    if (bytes === undefined) return null;
    return new Blob([range === null ? bytes : bytes.slice(range.start, range.end + 1)]).stream();
  }

  async list(bucket: string, prefix: string): Promise<readonly ListedObject[]> {
    const names = [...this.#objects.keys()].filter((path) =>
      path.startsWith(`${bucket}/${prefix}`),
    );
    return names.map((path) => ({
      name: path.slice(bucket.length + 1),
      size: this.#objects.get(path)?.length ?? 0,
    }));
  }

  async remove(bucket: string, name: string): Promise<void> {
    this.#objects.delete(`${bucket}/${name}`);
  }
}
