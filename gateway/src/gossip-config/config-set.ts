/**
 * What a node holds of signed configuration: of each document the newest version it has heard of. Merging is the maximum
 * of versions, so in whatever order entries come, and however often, all nodes end with the same set.
 */
import { createHash } from "node:crypto";
import type { ConfigEntry } from "./signed-entry.ts";

/** Documents are spread over so many; two sets that differ compare these instead of everything. */
export const BUCKETS = 256;
export const DIGEST_BYTES = 8;

export class ConfigSet {
  private readonly entries = new Map<string, ConfigEntry>();
  /** The keys in each bucket. */
  private readonly buckets = Array.from({ length: BUCKETS }, () => new Set<string>());
  /** Of each bucket the exclusive or of its entries' digests. */
  private readonly digests = Buffer.alloc(BUCKETS * DIGEST_BYTES);

  get size(): number {
    return this.entries.size;
  }

  /** Whether it was news: a later version, or of two equal ones the one that every node prefers. */
  merge(entry: ConfigEntry): boolean {
    const key = keyOf(entry);
    const former = this.entries.get(key);
    if (former !== undefined && !isPreferred(entry, former)) return false;
    const bucket = bucketOf(key);
    if (former !== undefined) this.toggle(bucket, former);
    this.toggle(bucket, entry);
    this.entries.set(key, entry);
    this.buckets[bucket]?.add(key);
    return true;
  }

  get(kind: string, id: string): ConfigEntry | undefined {
    return this.entries.get(keyOf({ kind, id }));
  }

  all(): Iterable<ConfigEntry> {
    return this.entries.values();
  }

  of(bucket: number): readonly ConfigEntry[] {
    return [...(this.buckets[bucket] ?? [])].flatMap((key) => this.entries.get(key) ?? []);
  }

  /** Of all buckets, one after the other. */
  bucketDigests(): Uint8Array {
    return Uint8Array.from(this.digests);
  }

  /** Equal for equal sets. */
  digest(): Uint8Array {
    return createHash("sha256").update(this.digests).digest().subarray(0, DIGEST_BYTES);
  }

  /** Buckets in which a set with these digests differs from this one. */
  differing(digests: Uint8Array): readonly number[] {
    const theirs = Buffer.from(digests);
    return Array.from({ length: BUCKETS }, (_, bucket) => bucket).filter((bucket) => {
      const [from, to] = [bucket * DIGEST_BYTES, (bucket + 1) * DIGEST_BYTES];
      return !this.digests.subarray(from, to).equals(theirs.subarray(from, to));
    });
  }

  private toggle(bucket: number, entry: ConfigEntry): void {
    const digest = digestOf(entry);
    for (let at = 0; at < DIGEST_BYTES; at++) {
      const place = bucket * DIGEST_BYTES + at;
      this.digests[place] = (this.digests[place] ?? 0) ^ (digest[at] ?? 0);
    }
  }
}

function isPreferred(entry: ConfigEntry, former: ConfigEntry): boolean {
  if (entry.version !== former.version) return entry.version > former.version;
  return entry.signature > former.signature;
}

function keyOf({ kind, id }: Pick<ConfigEntry, "kind" | "id">): string {
  return `${kind}/${id}`;
}

function bucketOf(key: string): number {
  return createHash("sha256").update(key).digest()[0] ?? 0;
}

function digestOf({ kind, id, version, signature }: ConfigEntry): Buffer {
  return createHash("sha256")
    .update(JSON.stringify([kind, id, version, signature]))
    .digest();
}
