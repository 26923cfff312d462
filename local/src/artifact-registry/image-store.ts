/** Pulls images as a kubelet does and keeps each one unpacked, once per manifest digest. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import * as v from "valibot";
import { digestOf, hexOf } from "./digest.ts";
import type { RegistryCredential } from "./handle-request.ts";
import { parseImageManifest } from "./manifest.ts";
import { parseImageReference, registryUrl } from "./parse-image-reference.ts";
import { RegistryClient } from "./registry-client.ts";
import { unpackArchive } from "./unpack-archive.ts";

const MAX_UNPACKED_BYTES = 8 * 1024 ** 3;
const MAX_ENTRIES = 1_000_000;

const strings = v.nullish(v.array(v.string()));
const imageConfig = v.object({
  config: v.nullish(
    v.object({
      Cmd: strings,
      Entrypoint: strings,
      Env: strings,
      WorkingDir: v.nullish(v.string()),
      User: v.nullish(v.string()),
    }),
  ),
  rootfs: v.object({ diff_ids: v.array(v.string()) }),
});

export interface ImageConfig {
  readonly cmd: readonly string[];
  readonly entrypoint: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** `/` when the image names none. */
  readonly workingDir: string;
  /** Empty when the image names none. */
  readonly user: string;
}

export interface PulledImage {
  /** The image's root file system; shared by all its users, so mount it read-only. */
  readonly rootDir: string;
  /** Digest over the uncompressed layers: equal content, equal value. */
  readonly layersDigest: string;
  readonly manifestDigest: string;
  readonly config: ImageConfig;
}

export interface ImageStoreOptions {
  readonly cacheDir: string;
  readonly credential: RegistryCredential | null;
  /** Base URL of the registry an image reference names; loopback is HTTP and all else HTTPS when absent. */
  readonly resolveHost?: (host: string) => string;
  readonly maxUnpackedBytes?: number;
}

export interface ImageStore {
  /** Throws not-found, upstream-unavailable, data-corrupt (wrong digest, hostile layer), body-too-large. */
  pullImage(reference: string): Promise<PulledImage>;
}

export function createImageStore(options: ImageStoreOptions): ImageStore {
  const running = new Map<string, Promise<PulledImage>>();
  return {
    async pullImage(text) {
      const reference = parseImageReference(text);
      const baseUrl = (options.resolveHost ?? registryUrl)(reference.host);
      const client = new RegistryClient(baseUrl, reference, options.credential);
      if (reference.reference.startsWith("sha256:")) {
        const stored = await readStored(options, reference.reference);
        if (stored !== undefined) return stored;
      }
      const { bytes, digest } = await client.manifest(reference.reference);
      const shared = running.get(digest) ?? pullOnce(options, client, digest, bytes);
      running.set(digest, shared);
      return shared.finally(() => running.delete(digest));
    },
  };
}

async function pullOnce(
  options: ImageStoreOptions,
  client: RegistryClient,
  digest: string,
  bytes: Buffer,
): Promise<PulledImage> {
  const stored = await readStored(options, digest);
  if (stored !== undefined) return stored;
  await mkdir(options.cacheDir, { recursive: true });
  const work = await mkdtemp(join(options.cacheDir, "pull-"));
  try {
    const manifest = parseImageManifest(bytes);
    const config = parseConfig(await client.document(manifest.config.digest));
    const root = join(work, "rootfs");
    await mkdir(root, { mode: 0o755 });
    for (const [position, layer] of manifest.layers.entries()) {
      const archive = join(work, "layer");
      await client.download(layer.digest, archive);
      const wanted = config.rootfs.diff_ids[position];
      await unpackLayer(options, archive, root, layer.mediaType, wanted);
      await rm(archive);
    }
    const summary = {
      layersDigest: digestOf(config.rootfs.diff_ids.join("\n")),
      config: describeConfig(config),
    };
    await writeFile(join(work, "image.json"), JSON.stringify(summary));
    await rename(work, imageDir(options, digest));
    return {
      rootDir: join(imageDir(options, digest), "rootfs"),
      manifestDigest: digest,
      ...summary,
    };
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
}

/** A directory is complete when it has its name, because it gets it last. */
async function readStored(
  options: ImageStoreOptions,
  digest: string,
): Promise<PulledImage | undefined> {
  const dir = imageDir(options, digest);
  const rootDir = join(dir, "rootfs");
  try {
    await access(rootDir);
    const summary = JSON.parse(await readFile(join(dir, "image.json"), "utf8")) as Pick<
      PulledImage,
      "layersDigest" | "config"
    >;
    return { rootDir, manifestDigest: digest, ...summary };
  } catch {
    await rm(dir, { recursive: true, force: true });
    return undefined;
  }
}

function imageDir(options: ImageStoreOptions, digest: string): string {
  return join(options.cacheDir, hexOf(digest));
}

async function unpackLayer(
  options: ImageStoreOptions,
  archive: string,
  root: string,
  mediaType: string,
  diffId: string | undefined,
): Promise<void> {
  const hash = createHash("sha256");
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const decoder = layerDecoder(mediaType);
  const limits = {
    root,
    maxBytes: options.maxUnpackedBytes ?? MAX_UNPACKED_BYTES,
    maxEntries: MAX_ENTRIES,
    hasWhiteouts: true,
  };
  const reading = pipeline(createReadStream(archive), decoder, hashing);
  const results = await Promise.allSettled([unpackArchive(hashing, limits), reading]);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  const actual = `sha256:${hash.digest("hex")}`;
  if (actual === diffId) return;
  throw new BifrostError("data-corrupt", `a layer unpacks to ${actual}, its image says ${diffId}`);
}

function layerDecoder(mediaType: string): Transform {
  if (/tar\+gzip$|tar\.gzip$/.test(mediaType)) return createGunzip();
  if (mediaType.endsWith(".tar")) return new PassThrough();
  throw new BifrostError("not-implemented", `layers of type "${mediaType}" are not unpacked here`);
}

function parseConfig(bytes: Buffer): v.InferOutput<typeof imageConfig> {
  try {
    return v.parse(imageConfig, JSON.parse(bytes.toString("utf8")));
  } catch (error) {
    throw new BifrostError("data-corrupt", `the image's config is malformed: ${messageOf(error)}`);
  }
}

function describeConfig(image: v.InferOutput<typeof imageConfig>): ImageConfig {
  const { Cmd, Entrypoint, Env, WorkingDir, User } = image.config ?? {};
  return {
    cmd: Cmd ?? [],
    entrypoint: Entrypoint ?? [],
    env: Object.fromEntries((Env ?? []).map(splitPair)),
    workingDir: WorkingDir || "/",
    user: User ?? "",
  };
}

function splitPair(pair: string): [name: string, value: string] {
  const split = pair.indexOf("=");
  return split === -1 ? [pair, ""] : [pair.slice(0, split), pair.slice(split + 1)];
}
