/** What is kept about an object, what a caller may set of it, and its shape in the API. */
import { is, object, optional, record, string } from "valibot";
import { GoogleError } from "../serving/google-error.ts";

export interface ObjectMetadata {
  readonly bucket: string;
  readonly name: string;
  readonly generation: string;
  readonly contentType: string;
  readonly size: string;
  readonly md5Hash: string;
  readonly crc32c: string;
  readonly timeCreated: string;
  readonly contentEncoding?: string;
  readonly contentDisposition?: string;
  readonly cacheControl?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

const GivenSchema = object({
  name: optional(string()),
  contentType: optional(string()),
  contentEncoding: optional(string()),
  contentDisposition: optional(string()),
  cacheControl: optional(string()),
  md5Hash: optional(string()),
  crc32c: optional(string()),
  metadata: optional(record(string(), string())),
});

export interface GivenMetadata {
  readonly name?: string | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly cacheControl?: string | undefined;
  readonly md5Hash?: string | undefined;
  readonly crc32c?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** @throws GoogleError INVALID_ARGUMENT */
export function parseGiven(value: unknown): GivenMetadata {
  if (is(GivenSchema, value)) return value;
  throw new GoogleError("INVALID_ARGUMENT", "The object metadata has a field of a wrong type.");
}

const MAX_NAME_BYTES = 1024;

/** @throws GoogleError INVALID_ARGUMENT for names that Cloud Storage does not allow */
export function checkObjectName(name: string | null | undefined): string {
  const bytes = Buffer.byteLength(name ?? "");
  const refused = !name || bytes > MAX_NAME_BYTES || name === "." || name === "..";
  if (refused || /[\r\n]/.test(name)) {
    throw new GoogleError("INVALID_ARGUMENT", `Invalid object name: ${String(name).slice(0, 80)}`);
  }
  return name;
}

/** The `storage#object` resource. */
export function objectResource(stored: ObjectMetadata, base: string): object {
  const { bucket, name, generation } = stored;
  const path = `/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`;
  return {
    kind: "storage#object",
    id: `${bucket}/${name}/${generation}`,
    selfLink: `${base}${path}`,
    mediaLink: `${base}/download${path}?generation=${generation}&alt=media`,
    ...stored,
    metageneration: "1",
    storageClass: "STANDARD",
    updated: stored.timeCreated,
    etag: `"${generation}"`,
  };
}
