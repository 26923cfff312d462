/** Second pass over a site's files: stores what the bucket does not hold yet. */
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import {
  contentName,
  SITE_ENCODINGS,
  type SiteEncoding,
  type SiteFile,
  type SitePlace,
} from "@bifrost/shared/domain/site-manifest";
import type { ImageFile } from "@bifrost/shared/ports/image-files";
import type { ObjectStore } from "@bifrost/shared/ports/object-store";
import { compress, isCompressible } from "./compress.ts";
import type { SurveyedFile } from "./survey-files.ts";
import { TaskPool } from "./task-pool.ts";

/** Larger files that are stored as they are go from the registry to the bucket without a stop in memory. */
const BUFFERED_BYTES = 1024 ** 2;
const PARALLEL_UPLOADS = 16;
const PARALLEL_BYTES = 48 * 1024 ** 2;

type Encodings = Partial<Record<SiteEncoding, number>>;

export interface Destination {
  readonly objects: ObjectStore;
  readonly bucket: string;
  readonly place: SitePlace;
}

/**
 * Answers the files with the encodings they are stored in. `stored` are sizes of objects by name: what an earlier call
 * that died has left is not stored again. Contents that several paths share are stored once.
 */
export async function uploadFiles(
  to: Destination,
  surveyed: readonly SurveyedFile[],
  files: AsyncIterable<ImageFile>,
  stored: ReadonlyMap<string, number>,
): Promise<readonly SiteFile[]> {
  const byPath = new Map(surveyed.map((file) => [file.path, file]));
  const encodings = new Map<string, Encodings>();
  const pool = new TaskPool(PARALLEL_UPLOADS, PARALLEL_BYTES);
  for await (const { path, content } of files) {
    const file = byPath.get(path);
    if (file === undefined || encodings.has(file.sha256)) continue;
    const known: Encodings = storedEncodings(to.place, file.sha256, stored);
    encodings.set(file.sha256, known);
    const name = contentName(to.place, file.sha256);
    if (isCompressible(path, file.size)) {
      const bytes = await buffer(content);
      await pool.begin(bytes.length, () => storeForms(to, file.sha256, { bytes, known, stored }));
    } else if (stored.has(name)) {
      continue;
    } else if (file.size <= BUFFERED_BYTES) {
      const bytes = await buffer(content);
      await pool.begin(bytes.length, () => put(to, name, [bytes]));
    } else {
      await put(to, name, content);
    }
  }
  await pool.end();
  return surveyed.map((file) => ({ ...file, encodings: encodings.get(file.sha256) ?? {} }));
}

interface Forms {
  readonly bytes: Buffer;
  /** Completed with what is stored here. */
  readonly known: Encodings;
  readonly stored: ReadonlyMap<string, number>;
}

async function storeForms(to: Destination, sha256: string, forms: Forms): Promise<void> {
  const { bytes, known, stored } = forms;
  const name = contentName(to.place, sha256);
  if (!stored.has(name)) await put(to, name, [bytes]);
  if (SITE_ENCODINGS.every((encoding) => known[encoding] !== undefined)) return;
  for (const [encoding, form] of await compress(bytes)) {
    if (known[encoding] !== undefined) continue;
    await put(to, contentName(to.place, sha256, encoding), [form]);
    known[encoding] = form.length;
  }
}

function storedEncodings(
  place: SitePlace,
  sha256: string,
  stored: ReadonlyMap<string, number>,
): Encodings {
  const sizes = SITE_ENCODINGS.map((encoding): [SiteEncoding, number | undefined] => [
    encoding,
    stored.get(contentName(place, sha256, encoding)),
  ]);
  return Object.fromEntries(sizes.filter(([, size]) => size !== undefined));
}

async function put(
  { objects, bucket }: Destination,
  name: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const source = Readable.from(content, { objectMode: false });
  await objects.put(bucket, name, Readable.toWeb(source));
}
