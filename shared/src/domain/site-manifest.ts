/** What a published static site holds: every path with the content it names. Written once per deployment, last of all. */
import * as v from "valibot";

/** Carries a deployment's probe token when the platform itself asks for a page of it. */
export const SITE_PROBE_HEADER = "x-bifrost-probe";

const sizeSchema = v.pipe(v.number(), v.integer(), v.minValue(0));

/** The encodings files are stored in beside their own bytes, best first. */
export const SITE_ENCODINGS = ["br", "gzip"] as const;
export type SiteEncoding = (typeof SITE_ENCODINGS)[number];

export const SiteFileSchema = v.object({
  /** Below the root, without a leading slash and not percent-encoded. */
  path: v.pipe(v.string(), v.minLength(1)),
  /** Of the file's own bytes; names its objects and is its entity tag. */
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits")),
  size: sizeSchema,
  /** Size in each encoding that is stored; one that would not be smaller is not. */
  encodings: v.object({ br: v.optional(sizeSchema), gzip: v.optional(sizeSchema) }),
});
export type SiteFile = v.InferOutput<typeof SiteFileSchema>;

/** Both the number of files and the bytes of one release are bounded, so that a manifest fits in memory. */
export const SITE_LIMITS = {
  files: 20_000,
  bytes: 1024 ** 3,
  pathBytes: 1024,
  manifestBytes: 16 * 1024 ** 2,
} as const;

export const SiteManifestSchema = v.object({
  version: v.literal(1),
  /** Whether paths that name nothing answer `/index.html`. */
  spa: v.boolean(),
  /** Each path once. */
  files: v.pipe(v.array(SiteFileSchema), v.readonly()),
});
export type SiteManifest = v.InferOutput<typeof SiteManifestSchema>;

/** Where one release lies in the bucket; everything below it goes when the release goes. */
export interface SitePlace {
  readonly projectId: string;
  readonly deploymentId: string;
}

export function siteFolder({ projectId, deploymentId }: SitePlace): string {
  return `sites/${projectId}/${deploymentId}/`;
}

export function manifestName(place: SitePlace): string {
  return `${siteFolder(place)}manifest.json`;
}

/** `encoding` null = the file's own bytes. */
export function contentName(
  place: SitePlace,
  sha256: string,
  encoding: SiteEncoding | null = null,
): string {
  return `${siteFolder(place)}${sha256}${encoding === null ? "" : `.${encoding}`}`;
}
