/** Manifests and contents of static sites out of Cloud Storage: what is small and was used lately from memory. */
import {
  SITE_LIMITS,
  type SiteFile,
  SiteManifestSchema,
} from "@bifrost/shared/domain/site-manifest";
import { inTime } from "@bifrost/shared/domain/in-time";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { ByteRange, ObjectReader } from "@bifrost/shared/ports/object-store";
import * as v from "valibot";
import { ByteCache } from "./byte-cache.ts";
import type { ContentPart } from "./decide-answer.ts";
import type { LoadedSite } from "./find-file.ts";

/** Larger contents are streamed each time. */
const CACHED_BYTES = 1024 ** 2;

/** A manifest in memory takes about three times its text. */
const MANIFEST_FACTOR = 3;

/** One line of the log for all failures within so long: an outage fails every request. */
const QUIET_MS = 1000;

/** Longest wait for the first bytes of an object, and between two parts of it. */
const PATIENCE_MS = 10_000;

export interface SiteReaderOptions {
  readonly objects: ObjectReader;
  readonly bucket: string;
  readonly timers: Timers;
  readonly onProblem: (event: string, detail: string) => void;
  /** Of contents, and as many again of manifests. */
  readonly cacheBytes: number;
}

/** Plain data, as it is sent to workers. */
export interface SiteSettings {
  readonly bucket: string;
  /** Of another storage than Google's. */
  readonly endpoint: string | null;
  readonly cacheBytes: number;
}

export type OpenBucket = (endpoint: string | null) => ObjectReader;

/** For data planes that serve no static sites. */
export function withoutBucket(timers: Timers): SiteReader {
  return new SiteReader({
    objects: {
      stream: () =>
        Promise.reject(new BifrostError("internal", "this data plane has no bucket of sites")),
    },
    bucket: "",
    timers,
    onProblem: () => undefined,
    cacheBytes: 0,
  });
}

type Soon<T> = T | Promise<T>;

export class SiteReader {
  private readonly options: SiteReaderOptions;
  private readonly manifests: ByteCache<LoadedSite>;
  private readonly contents: ByteCache<Buffer>;
  /** Reads under way, by object: those who come meanwhile wait for the same one. */
  private readonly reading = new Map<string, Promise<unknown>>();
  private quietUntil = 0;

  constructor(options: SiteReaderOptions) {
    this.options = options;
    this.manifests = new ByteCache(options.cacheBytes);
    this.contents = new ByteCache(options.cacheBytes);
  }

  /** `manifest` is the name of its object. At once when it is in memory. */
  site(manifest: string): Soon<LoadedSite> {
    return this.manifests.get(manifest) ?? this.once(manifest, () => this.loadSite(manifest));
  }

  /** The bytes of a part that is small enough to be kept; null = stream it. */
  content(manifest: string, part: ContentPart): Soon<Buffer> | null {
    const name = objectOf(manifest, part);
    const kept = this.contents.get(name);
    if (kept !== undefined) return slice(kept, part.range);
    if (part.size > CACHED_BYTES) return null;
    return this.once(name, () => this.loadContent(name, part)).then((all) =>
      slice(all, part.range),
    );
  }

  /** Rejects when it cannot be read; aborting `signal` ends the transfer and fails the iteration. */
  async *stream(
    manifest: string,
    part: ContentPart,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const name = objectOf(manifest, part);
    let left = lengthOf(part);
    try {
      for await (const bytes of this.parts(name, part.range, signal)) {
        left -= bytes.length;
        if (left < 0) break;
        yield bytes;
      }
      if (left !== 0) throw wrongSize(name, "another number than announced");
    } catch (error) {
      if (!signal.aborted) this.report(error, name);
      throw error;
    }
  }

  private async loadSite(manifest: string): Promise<LoadedSite> {
    const bytes = await this.readWhole(manifest, SITE_LIMITS.manifestBytes);
    const parsed = v.safeParse(SiteManifestSchema, JSON.parse(bytes.toString("utf8")));
    if (!parsed.success)
      throw new BifrostError("data-corrupt", `${manifest}: ${parsed.issues[0].message}`, {
        manifest,
      });
    const { spa, files } = parsed.output;
    const byPath = files.map((file): [string, SiteFile] => [file.path, file]);
    const site = { spa, files: new Map(byPath) };
    this.manifests.set(manifest, site, bytes.length * MANIFEST_FACTOR);
    return site;
  }

  private async loadContent(name: string, { size }: ContentPart): Promise<Buffer> {
    const bytes = await this.readWhole(name, CACHED_BYTES);
    if (bytes.length !== size) throw wrongSize(name, `${bytes.length} and not ${size}`);
    this.contents.set(name, bytes, bytes.length);
    return bytes;
  }

  /** Tried twice: the connection that is used first may have been closed for its idleness in that instant. */
  private async readWhole(name: string, maxBytes: number): Promise<Buffer> {
    try {
      return await this.collect(name, maxBytes);
    } catch (error) {
      if (error instanceof BifrostError) throw error;
      return this.collect(name, maxBytes);
    }
  }

  private async collect(name: string, maxBytes: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let left = maxBytes;
    for await (const part of this.parts(name, null)) {
      left -= part.length;
      if (left < 0) throw wrongSize(name, `more than ${maxBytes}`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  /** An object as it comes; nothing of it stays open however the iteration ends. */
  private async *parts(
    name: string,
    range: ByteRange | null,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const over = new AbortController();
    const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
    try {
      const content = await this.inTime(this.open(name, range, either), name);
      const parts = content[Symbol.asyncIterator]();
      for (;;) {
        const next = await this.inTime(parts.next(), name);
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      over.abort();
    }
  }

  private once<T>(name: string, load: () => Promise<T>): Promise<T> {
    const known = this.reading.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const loading = load()
      .catch((error: unknown) => {
        this.report(error, name);
        throw error;
      })
      .finally(() => this.reading.delete(name));
    this.reading.set(name, loading);
    return loading;
  }

  private report(error: unknown, name: string): void {
    const { onProblem, timers } = this.options;
    if (timers.now() < this.quietUntil) return;
    this.quietUntil = timers.now() + QUIET_MS;
    onProblem("file of a static site cannot be read", `${name}: ${messageOf(error)}`);
  }

  private async open(
    name: string,
    range: ByteRange | null,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const { objects, bucket } = this.options;
    const found = await objects.stream(bucket, name, range, signal);
    if (found === null) throw missing(name);
    return found;
  }

  private inTime<T>(work: Promise<T>, name: string): Promise<T> {
    return inTime(this.options.timers, PATIENCE_MS, work, () => {
      const message = `Cloud Storage sent nothing of ${name} for ${PATIENCE_MS} ms`;
      return new BifrostError("upstream-unavailable", message, { name });
    });
  }
}

function slice(all: Buffer, range: ByteRange | null): Buffer {
  return range === null ? all : all.subarray(range.start, range.end + 1);
}

/** Contents lie beside their manifest. */
function objectOf(manifest: string, { sha256, encoding }: ContentPart): string {
  const folder = manifest.slice(0, manifest.lastIndexOf("/") + 1);
  return `${folder}${sha256}${encoding === null ? "" : `.${encoding}`}`;
}

function lengthOf({ size, range }: ContentPart): number {
  return range === null ? size : range.end - range.start + 1;
}

function wrongSize(name: string, found: string): BifrostError {
  return new BifrostError("data-corrupt", `${name} has ${found} bytes`, { name });
}

function missing(name: string): BifrostError {
  return new BifrostError("not-found", `${name} is not in the bucket of all sites`, { name });
}
