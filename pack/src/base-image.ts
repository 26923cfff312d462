/** The image ours is put on: its layers and the parts of its config that carry over. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { digestOf } from "./image-documents.ts";
import { parseImageReference } from "./image-reference.ts";
import { PackError } from "./pack-error.ts";
import type { PackRequest } from "./parse-arguments.ts";
import { Registry, type Content, type Credential } from "./registry.ts";

const descriptor = v.object({
  mediaType: v.string(),
  digest: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)),
  size: v.number(),
});
const index = v.object({
  manifests: v.array(
    v.object({
      ...descriptor.entries,
      platform: v.optional(v.object({ os: v.string(), architecture: v.string() })),
    }),
  ),
});
const manifest = v.object({ config: descriptor, layers: v.array(descriptor) });
const config = v.object({
  config: v.nullish(
    v.object({
      Env: v.nullish(v.array(v.string())),
      Labels: v.nullish(v.record(v.string(), v.string())),
    }),
  ),
  rootfs: v.object({ diff_ids: v.array(v.string()) }),
});

export type Descriptor = v.InferOutput<typeof descriptor>;

export interface BaseImage {
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly string[];
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  content(digest: string): Content;
}

/** Where documents and layers of a base come from. */
interface Source {
  /** First document: a manifest or an index of manifests. */
  root(): Promise<Buffer>;
  manifest(digest: string): Promise<Buffer>;
  blob(digest: string): Promise<Buffer>;
  content(digest: string): Content;
}

/** Reads and verifies the base; undefined when the request names none. */
export async function readBase(
  request: PackRequest,
  credential: Credential,
): Promise<BaseImage | undefined> {
  if (request.base === undefined) return undefined;
  const source =
    request.base.kind === "layout"
      ? layoutSource(request.base.value)
      : registrySource(request.base.value, credential);
  const bytes = await source.root();
  const found = await selectManifest(source, bytes, request.platform);
  const parsed = parse(manifest, found, "manifest");
  const image = parse(
    config,
    await verified((digest) => source.blob(digest), parsed.config.digest),
    "config",
  );
  return {
    layers: parsed.layers,
    diffIds: image.rootfs.diff_ids,
    env: image.config?.Env ?? [],
    labels: image.config?.Labels ?? {},
    content: (digest) => source.content(digest),
  };
}

async function selectManifest(
  source: Source,
  bytes: Buffer,
  platform: PackRequest["platform"],
): Promise<Buffer> {
  const document = JSON.parse(bytes.toString("utf8")) as { manifests?: unknown };
  if (document.manifests === undefined) return bytes;
  const { manifests } = parse(index, bytes, "index");
  const fits = manifests.find(
    (entry) =>
      entry.platform === undefined ||
      (entry.platform.os === platform.os && entry.platform.architecture === platform.architecture),
  );
  if (fits === undefined) {
    throw new PackError(`the base has no image for ${platform.os}/${platform.architecture}`);
  }
  return selectManifest(
    source,
    await verified((digest) => source.manifest(digest), fits.digest),
    platform,
  );
}

function layoutSource(dir: string): Source {
  const path = (digest: string) => join(dir, "blobs", "sha256", digest.slice("sha256:".length));
  const read = (digest: string) => readFile(path(digest));
  return {
    root: () => readFile(join(dir, "index.json")),
    manifest: read,
    blob: read,
    content: (digest) => ({ path: path(digest) }),
  };
}

function registrySource(text: string, credential: Credential): Source {
  const reference = parseImageReference(text);
  const registry = new Registry(reference, credential, "pull");
  const pinned = reference.reference;
  return {
    root: () => verified((digest) => registry.manifest(digest), pinned),
    manifest: (digest) => registry.manifest(digest),
    blob: (digest) => registry.blob(digest),
    content: (digest) => ({ open: () => registry.openBlob(digest) }),
  };
}

async function verified(
  read: (digest: string) => Promise<Buffer>,
  digest: string,
): Promise<Buffer> {
  const bytes = await read(digest);
  const actual = digestOf(bytes);
  if (actual === digest) return bytes;
  throw new PackError(`the base has ${actual} where ${digest} should be`);
}

function parse<S extends v.GenericSchema>(
  schema: S,
  bytes: Buffer,
  what: string,
): v.InferOutput<S> {
  try {
    return v.parse(schema, JSON.parse(bytes.toString("utf8")));
  } catch (error) {
    throw new PackError(`the base's ${what} is malformed: ${String(error)}`);
  }
}
