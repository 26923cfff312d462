/** Manifests and tags of each repository; a tag is a small file that names a digest. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { listOrNothing, type BlobStore } from "./blob-store.ts";
import { digestOf, hexOf, isDigest } from "./digest.ts";
import { isMissing, writeDurably } from "./durable-file.ts";
import { manifestNeeds } from "./manifest.ts";
import { RegistryError } from "./registry-error.ts";

const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const record = v.object({ mediaType: v.string(), base64: v.string() });

export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export class ManifestStore {
  readonly #blobs: BlobStore;

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  /** Stores a manifest under its digest and, when the reference is a tag, moves the tag. Returns the digest. */
  async put(
    repository: string,
    reference: string,
    mediaType: string,
    bytes: Buffer,
  ): Promise<string> {
    const digest = digestOf(bytes);
    if (isDigest(reference) ? reference !== digest : !TAG.test(reference)) {
      const problem = reference.includes(":") ? "DIGEST_INVALID" : "MANIFEST_INVALID";
      throw new RegistryError(problem, `reference "${reference}" does not fit ${digest}`);
    }
    await this.#requireParts(repository, mediaType, bytes);
    const content = JSON.stringify({ mediaType, base64: bytes.toString("base64") });
    await writeDurably(this.#manifestPath(repository, digest), content);
    if (!isDigest(reference)) await writeDurably(this.#tagPath(repository, reference), digest);
    return digest;
  }

  /** The manifest with this tag or digest. Throws MANIFEST_UNKNOWN. */
  async get(repository: string, reference: string): Promise<StoredManifest> {
    try {
      const digest = isDigest(reference)
        ? reference
        : await readFile(this.#tagPath(repository, reference), "utf8");
      const stored = v.parse(
        record,
        JSON.parse(await readFile(this.#manifestPath(repository, digest), "utf8")),
      );
      const bytes = Buffer.from(stored.base64, "base64");
      return { digest, mediaType: stored.mediaType, bytes };
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new RegistryError("MANIFEST_UNKNOWN", `no manifest ${reference} in ${repository}`);
    }
  }

  /** All tags in byte order. Throws NAME_UNKNOWN for a repository nobody pushed to. */
  async tags(repository: string): Promise<string[]> {
    const dir = this.#blobs.repositoryDir(repository);
    if ((await listOrNothing(dir)).length === 0) {
      throw new RegistryError("NAME_UNKNOWN", `no repository ${repository}`);
    }
    const names = await listOrNothing(join(dir, "tags"));
    return names.filter((name) => !name.endsWith(".tmp")).toSorted(byCodeUnit);
  }

  async #requireParts(repository: string, mediaType: string, bytes: Buffer): Promise<void> {
    const needs = manifestNeeds(mediaType, bytes);
    for (const digest of needs.blobs) {
      if ((await this.#blobs.find(repository, digest)) !== undefined) continue;
      throw new RegistryError(
        "MANIFEST_BLOB_UNKNOWN",
        `${repository} has no blob ${digest}; upload it before the manifest`,
      );
    }
    for (const digest of needs.manifests) await this.get(repository, digest);
  }

  #manifestPath(repository: string, digest: string): string {
    return join(this.#blobs.repositoryDir(repository), "manifests", hexOf(digest));
  }

  #tagPath(repository: string, tag: string): string {
    if (!TAG.test(tag))
      throw new RegistryError("MANIFEST_UNKNOWN", `no tag "${tag.slice(0, 130)}"`);
    return join(this.#blobs.repositoryDir(repository), "tags", tag);
  }
}

function byCodeUnit(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
