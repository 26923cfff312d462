/** What a manifest must look like before it is stored, and which digests it needs. */
import * as v from "valibot";
import { isDigest } from "./digest.ts";
import { RegistryError } from "./registry-error.ts";

export const IMAGE_MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
] as const;
const INDEX_TYPES: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

const digest = v.pipe(v.string(), v.check(isDigest, "not a sha256 digest"));
const descriptor = v.object({
  mediaType: v.string(),
  digest,
  size: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
const imageManifest = v.object({
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  config: descriptor,
  layers: v.pipe(v.array(descriptor), v.maxLength(512)),
});
const index = v.object({
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  manifests: v.pipe(v.array(descriptor), v.maxLength(512)),
});

export type ImageManifest = v.InferOutput<typeof imageManifest>;

export interface ManifestNeeds {
  readonly blobs: readonly string[];
  readonly manifests: readonly string[];
}

/** Digests the manifest refers to. Throws MANIFEST_INVALID for an unknown type or a malformed document. */
export function manifestNeeds(mediaType: string, bytes: Uint8Array): ManifestNeeds {
  if ((IMAGE_MANIFEST_TYPES as readonly string[]).includes(mediaType)) {
    const manifest = parseImageManifest(bytes);
    requireSameType(mediaType, manifest.mediaType);
    const blobs = [manifest.config, ...manifest.layers].map((entry) => entry.digest);
    return { blobs, manifests: [] };
  }
  if (INDEX_TYPES.includes(mediaType)) {
    const list = parse(index, bytes);
    requireSameType(mediaType, list.mediaType);
    return { blobs: [], manifests: list.manifests.map((entry) => entry.digest) };
  }
  throw new RegistryError(
    "MANIFEST_INVALID",
    `media type "${mediaType}" is not accepted; send one of ${[...IMAGE_MANIFEST_TYPES, ...INDEX_TYPES].join(", ")}`,
  );
}

/** The manifest of one image. Throws MANIFEST_INVALID. */
export function parseImageManifest(bytes: Uint8Array): ImageManifest {
  return parse(imageManifest, bytes);
}

function requireSameType(sent: string, declared: string | undefined): void {
  if (declared === undefined || declared === sent) return;
  throw new RegistryError(
    "MANIFEST_INVALID",
    `Content-Type is ${sent} but the manifest says mediaType ${declared}`,
  );
}

function parse<S extends v.GenericSchema>(schema: S, bytes: Uint8Array): v.InferOutput<S> {
  try {
    return v.parse(schema, JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch (error) {
    throw new RegistryError("MANIFEST_INVALID", `the manifest is malformed: ${String(error)}`);
  }
}
