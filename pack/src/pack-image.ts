/** From a directory to a pushed image: scan, write the layer, describe it, upload what is missing. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readBase } from "./base-image.ts";
import { MANIFEST_TYPE, imageDocuments } from "./image-documents.ts";
import { PackError } from "./pack-error.ts";
import type { PackRequest } from "./parse-arguments.ts";
import { Registry, type Credential } from "./registry.ts";
import {
  directoryEntries,
  limitsOf,
  scanDirectory,
  sortEntries,
  type LayerEntry,
  type ScanLimits,
} from "./scan-directory.ts";
import { writeLayer } from "./write-layer.ts";

export interface PackedImage {
  /** Digest of the manifest. */
  readonly digest: string;
  readonly layerBytes: number;
  readonly files: number;
}

/** The same directory content and request give the same digest on every machine. Throws PackError. */
export async function packImage(
  request: PackRequest,
  credential: Credential,
  limits: ScanLimits = limitsOf(request),
): Promise<PackedImage> {
  const entries = await layerEntries(request, limits);
  const base = await readBase(request, credential);
  const work = await mkdtemp(join(tmpdir(), "pack-"));
  try {
    const layer = await writeLayer(entries, join(work, "layer.tar.gz"));
    const { config, manifest } = imageDocuments(request, argvOf(request), layer, base);
    const registry = new Registry(request.image, credential, "pull,push");
    for (const { digest, size } of base?.layers ?? []) {
      const content = base?.content(digest);
      if (content !== undefined) await registry.upload(digest, size, content);
    }
    await registry.upload(layer.digest, layer.bytes, layer);
    await registry.upload(config.digest, config.bytes.length, config.bytes);
    await registry.putManifest(request.image.reference, MANIFEST_TYPE, manifest.bytes);
    return { digest: manifest.digest, layerBytes: layer.bytes, files: entries.length };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function layerEntries(request: PackRequest, limits: ScanLimits): Promise<LayerEntry[]> {
  const dir = await stat(request.dir).catch(() => undefined);
  if (dir?.isDirectory() !== true) {
    throw new PackError(`--dir "${request.dir}" is not a directory; check the build's output`);
  }
  const prefix = request.workdir.slice(1);
  const found = await scanDirectory(request.dir, prefix, limits);
  return sortEntries([...directoryEntries(prefix), ...found]);
}

/** An image of a static site carries files alone: nothing in it is ever started. */
function argvOf({ command }: PackRequest): string[] {
  return command === undefined ? [] : ["/bin/sh", "-c", command];
}
