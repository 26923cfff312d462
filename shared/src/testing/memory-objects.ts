/** Buckets in memory; what is asked of them is counted. */
import type { ListedObject, ObjectStore, StoredObject } from "../ports/object-store.ts";

export class MemoryObjects implements ObjectStore {
  readonly content = new Map<string, Buffer>();
  /** Names of objects that were stored, in order; those that were there before are not among them. */
  readonly puts: string[] = [];
  /** Fails the store after so many puts. */
  diesAfter = Infinity;

  async put(
    bucket: string,
    name: string,
    content: ReadableStream<Uint8Array>,
  ): Promise<StoredObject> {
    const bytes = Buffer.from(await new Response(content).arrayBuffer());
    if (!this.content.has(`${bucket}/${name}`)) {
      if (this.puts.length >= this.diesAfter) throw new Error("the store is away");
      this.content.set(`${bucket}/${name}`, bytes);
      this.puts.push(name);
    }
    return { bucket, name, generation: "1" };
  }

  async find(bucket: string, name: string): Promise<StoredObject | null> {
    return this.content.has(`${bucket}/${name}`) ? { bucket, name, generation: "1" } : null;
  }

  async read(bucket: string, name: string): Promise<Uint8Array | null> {
    return this.content.get(`${bucket}/${name}`) ?? null;
  }

  async stream(
    bucket: string,
    name: string,
    range: { start: number; end: number } | null,
  ): Promise<AsyncIterable<Uint8Array> | null> {
    const bytes = this.content.get(`${bucket}/${name}`);
    if (bytes === undefined) return null;
    return new Blob([
      new Uint8Array(range === null ? bytes : bytes.subarray(range.start, range.end + 1)),
    ]).stream();
  }

  async list(bucket: string, prefix: string): Promise<readonly ListedObject[]> {
    return [...this.content]
      .filter(([name]) => name.startsWith(`${bucket}/${prefix}`))
      .map(([name, { length }]) => ({ name: name.slice(bucket.length + 1), size: length }));
  }

  async remove(bucket: string, name: string): Promise<void> {
    this.content.delete(`${bucket}/${name}`);
  }
}
