/** Objects as files: an object is replaced by one rename, so a kill leaves the old one or the new one. */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "@bifrost/shared/domain/time";
import { writeFileAtomic } from "../files/atomic-file.ts";
import { GoogleError } from "../serving/google-error.ts";
import { checksumsOf } from "./checksums.ts";
import type { GivenMetadata, ObjectMetadata } from "./object-metadata.ts";
import { checkPreconditions } from "./preconditions.ts";
import type { Preconditions } from "./preconditions.ts";

const BUCKET_NAME = /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/;

export interface NewObject {
  readonly bucket: string;
  readonly name: string;
  readonly given: GivenMetadata;
  readonly preconditions: Preconditions;
  /** Complete content; the store takes the file over. */
  readonly file: string;
}

export class ObjectStore {
  readonly #dataDir: string;
  readonly #clock: Clock;
  /** By bucket, then by object name. */
  readonly #buckets = new Map<string, Map<string, ObjectMetadata>>();
  #lastGeneration = 0;

  constructor(dataDir: string, clock: Clock) {
    this.#dataDir = dataDir;
    this.#clock = clock;
    mkdirSync(join(dataDir, "buckets"), { recursive: true, mode: 0o700 });
    rmSync(join(dataDir, "incoming"), { recursive: true, force: true });
    mkdirSync(join(dataDir, "incoming"), { mode: 0o700 });
    for (const bucket of readdirSync(join(dataDir, "buckets"))) this.#load(bucket);
  }

  buckets(): string[] {
    return [...this.#buckets.keys()];
  }

  createBucket(name: string): void {
    if (!BUCKET_NAME.test(name)) {
      throw new GoogleError("INVALID_ARGUMENT", `Invalid bucket name: '${name.slice(0, 80)}'`);
    }
    if (this.#buckets.has(name)) {
      const message =
        "Your previous request to create the named bucket succeeded and you already own it.";
      throw new GoogleError("ALREADY_EXISTS", message);
    }
    mkdirSync(this.#path(name), { recursive: true, mode: 0o700 });
    this.#buckets.set(name, new Map());
  }

  /** @throws GoogleError NOT_FOUND */
  objects(bucket: string): ReadonlyMap<string, ObjectMetadata> {
    const objects = this.#buckets.get(bucket);
    if (objects === undefined) throw notFound("The specified bucket does not exist.");
    return objects;
  }

  /** @throws GoogleError NOT_FOUND */
  object(bucket: string, name: string, generation?: string | null): ObjectMetadata {
    const found = this.objects(bucket).get(name);
    if (found === undefined || (generation && generation !== found.generation)) {
      throw notFound(`No such object: ${bucket}/${name}`);
    }
    return found;
  }

  /** A path to write content to before `put`; what is left there is removed at the next start. */
  incomingFile(): string {
    return join(this.#dataDir, "incoming", randomUUID());
  }

  contentFile({ bucket, name, generation }: ObjectMetadata): string {
    return this.#path(bucket, `${hashOf(name)}.${generation}`);
  }

  async put(incoming: NewObject): Promise<ObjectMetadata> {
    const { bucket, name, given, file } = incoming;
    this.objects(bucket);
    const sums = await checksumsOf(file);
    for (const kind of ["md5Hash", "crc32c"] as const) {
      if (given[kind] === undefined || given[kind] === sums[kind]) continue;
      const message = `Provided ${kind} "${given[kind]}" doesn't match calculated "${sums[kind]}".`;
      throw new GoogleError("INVALID_ARGUMENT", message);
    }
    // From here on nothing is awaited: what is checked is what gets replaced.
    const previous = this.objects(bucket).get(name);
    checkPreconditions(incoming.preconditions, previous);
    const now = this.#clock.now();
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, now * 1000);
    const stored: ObjectMetadata = {
      bucket,
      name,
      generation: String(this.#lastGeneration),
      contentType: given.contentType ?? "application/octet-stream",
      size: String(sums.size),
      md5Hash: sums.md5Hash,
      crc32c: sums.crc32c,
      timeCreated: new Date(now).toISOString(),
      ...optionalFields(given),
    };
    renameSync(file, this.contentFile(stored));
    writeFileAtomic(this.#path(bucket, `${hashOf(name)}.json`), JSON.stringify(stored));
    this.#buckets.get(bucket)?.set(name, stored);
    if (previous !== undefined) rmSync(this.contentFile(previous), { force: true });
    return stored;
  }

  delete(bucket: string, name: string, preconditions: Preconditions): void {
    const stored = this.object(bucket, name);
    checkPreconditions(preconditions, stored);
    rmSync(this.#path(bucket, `${hashOf(name)}.json`));
    rmSync(this.contentFile(stored), { force: true });
    this.#buckets.get(bucket)?.delete(name);
  }

  /** The metadata file decides what exists; content without one is left over from a kill. */
  #load(bucket: string): void {
    const objects = new Map<string, ObjectMetadata>();
    const files = readdirSync(this.#path(bucket));
    const kept = new Set<string>();
    for (const file of files.filter((name) => name.endsWith(".json"))) {
      const stored = JSON.parse(readFileSync(this.#path(bucket, file), "utf8")) as ObjectMetadata;
      objects.set(stored.name, stored);
      kept.add(file).add(`${hashOf(stored.name)}.${stored.generation}`);
      this.#lastGeneration = Math.max(this.#lastGeneration, Number(stored.generation));
    }
    for (const file of files) if (!kept.has(file)) rmSync(this.#path(bucket, file));
    this.#buckets.set(bucket, objects);
  }

  #path(bucket: string, file = ""): string {
    return join(this.#dataDir, "buckets", bucket, file);
  }
}

/** Object names may hold anything, file names may not. */
function hashOf(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

function optionalFields(given: GivenMetadata): Partial<ObjectMetadata> {
  const { contentEncoding, contentDisposition, cacheControl, metadata } = given;
  const fields = { contentEncoding, contentDisposition, cacheControl, metadata };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function notFound(message: string): GoogleError {
  return new GoogleError("NOT_FOUND", message, {
    errors: [{ message, domain: "global", reason: "notFound" }],
  });
}
