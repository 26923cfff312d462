/** Config and manifest of the image as bytes that depend only on their content. */
import { createHash } from "node:crypto";
import type { BaseImage } from "./base-image.ts";
import type { PackRequest } from "./parse-arguments.ts";
import type { LayerFile } from "./write-layer.ts";

export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const CREATED = "1970-01-01T00:00:00Z";

export interface ImageDocuments {
  readonly config: { readonly bytes: Buffer; readonly digest: string };
  readonly manifest: { readonly bytes: Buffer; readonly digest: string };
}

export function imageDocuments(
  request: PackRequest,
  argv: readonly string[],
  layer: LayerFile,
  base: BaseImage | undefined,
): ImageDocuments {
  const config = canonical({
    architecture: request.platform.architecture,
    os: request.platform.os,
    created: CREATED,
    config: {
      Cmd: argv,
      Env: mergeEnv(base?.env ?? [], request.env),
      Labels: { ...base?.labels, ...request.labels },
      WorkingDir: request.workdir,
      ...(request.user === "" ? {} : { User: request.user }),
    },
    history: [
      ...(base?.diffIds ?? []).map(() => ({ created: CREATED, created_by: "base" })),
      { created: CREATED, created_by: "bifrost pack" },
    ],
    rootfs: { type: "layers", diff_ids: [...(base?.diffIds ?? []), layer.diffId] },
  });
  const configDigest = digestOf(config);
  const manifest = canonical({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: CONFIG_TYPE, digest: configDigest, size: config.length },
    layers: [
      ...(base?.layers ?? []),
      { mediaType: LAYER_TYPE, digest: layer.digest, size: layer.bytes },
    ],
  });
  return {
    config: { bytes: config, digest: configDigest },
    manifest: { bytes: manifest, digest: digestOf(manifest) },
  };
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The base's variables, each replaced by the request's of the same name, sorted by name. */
function mergeEnv(base: readonly string[], own: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const pair of [...base, ...own]) merged.set(pair.slice(0, pair.indexOf("=")), pair);
  return [...merged.keys()].toSorted(byBytes).map((name) => merged.get(name) ?? "");
}

/** JSON with the keys of every object sorted by their bytes. */
function canonical(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(sortKeys(value)));
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const object = value as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(object)
      .toSorted(byBytes)
      .map((key) => [key, sortKeys(object[key])]),
  );
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
