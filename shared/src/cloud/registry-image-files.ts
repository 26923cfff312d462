/** Reads the files of a packed image through the registry protocol: its last layer, streamed and verified. */
import { createHash } from "node:crypto";
import { Readable, Transform, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { createGunzip } from "node:zlib";
import { extract, type Header } from "tar-stream";
import * as v from "valibot";
import { BifrostError } from "../domain/errors.ts";
import type { ImageFile, ImageFiles } from "../ports/image-files.ts";

export interface RegistryOptions {
  /** Registry and repository prefix, for example `HOST/PROJECT/apps`; a project's images are below it. */
  readonly registry: string;
  /** A token that may pull from it. */
  readonly token: () => Promise<string>;
}

const MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
const MAX_MANIFEST_BYTES = 4 * 1024 ** 2;
/** Of a whole layer. */
const TIMEOUT_MS = 300_000;

/** Where `pack` puts the app: its default working directory. */
const APP_FOLDER = "app/";

const manifestSchema = v.object({
  layers: v.pipe(v.array(v.object({ digest: v.string() })), v.minLength(1)),
});

export function registryImageFiles(options: RegistryOptions): ImageFiles {
  return {
    async *read(projectId, digest) {
      const [host = "", ...path] = options.registry.split("/");
      const scheme = /^(localhost|127\.\d+\.\d+\.\d+)(:|$)/.test(host) ? "http" : "https";
      const repository = `${scheme}://${host}/v2/${[...path, projectId].join("/")}`;
      const get = (suffix: string) => fetchBlob(`${repository}/${suffix}`, options.token);
      const layer = await lastLayer(await get(`manifests/${digest}`), digest);
      yield* filesIn(await get(`blobs/${layer}`), layer);
    },
  };
}

async function fetchBlob(url: string, token: RegistryOptions["token"]): Promise<Response> {
  const pair = Buffer.from(`oauth2accesstoken:${await token()}`).toString("base64");
  const headers = { accept: MANIFEST_TYPES.join(", "), authorization: `Basic ${pair}` };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(url, { headers, signal }).catch((cause: unknown) => {
    const message = `the registry did not answer at ${url}`;
    throw new BifrostError("upstream-unavailable", message, { url }, { cause });
  });
  if (response.ok) return response;
  await response.body?.cancel();
  const { status } = response;
  const code = status === 404 ? "not-found" : "upstream-refused";
  throw new BifrostError(code, `the registry answered ${status} to ${url}`, { url, status });
}

async function lastLayer(response: Response, digest: string): Promise<string> {
  const bytes = Buffer.from(await response.arrayBuffer());
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw corrupt(`its manifest has more than ${MAX_MANIFEST_BYTES} bytes`, digest);
  requireDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`, digest);
  const { layers } = v.parse(manifestSchema, JSON.parse(bytes.toString("utf8")));
  return layers.at(-1)?.digest ?? "";
}

async function* filesIn(response: Response, layer: string): AsyncGenerator<ImageFile> {
  const hashing = new Hashing();
  const archive = extract();
  const body = Readable.fromWeb(response.body as NodeReadableStream<Uint8Array>);
  const reading = pipeline(body, hashing, createGunzip(), archive as unknown as Transform);
  reading.catch((error: unknown) => archive.destroy(error as Error));
  try {
    for await (const entry of archive) {
      const content = entry as unknown as Readable;
      const path = pathOf(entry.header, layer);
      if (path !== null) yield { path, size: entry.header.size ?? 0, content };
      content.resume();
    }
    await reading;
  } catch (error) {
    throw error instanceof BifrostError
      ? error
      : corrupt(`it cannot be read (${String(error)})`, layer);
  } finally {
    body.destroy();
  }
  requireDigest(hashing.digest(), layer);
}

/** Null for what is not below the app's folder, and for folders. */
function pathOf({ name, type }: Header, layer: string): string | null {
  if (!name.startsWith(APP_FOLDER) || type === "directory") return null;
  const path = name.slice(APP_FOLDER.length);
  const isPlain = path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (!isPlain || path.includes("\0") || path.includes("\\"))
    throw corrupt(`"${name.slice(0, 200)}" is not the name of a file below ${APP_FOLDER}`, layer);
  if (type === "file" || type === "contiguous-file") return path;
  throw corrupt(`"${name.slice(0, 200)}" is a ${type ?? "special file"}, not a file`, layer);
}

class Hashing extends Transform {
  readonly #hash = createHash("sha256");

  digest(): string {
    return `sha256:${this.#hash.digest("hex")}`;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#hash.update(chunk);
    done(null, chunk);
  }
}

function requireDigest(actual: string, wanted: string): void {
  if (actual !== wanted) throw corrupt(`the registry sent ${actual} for it`, wanted);
}

function corrupt(what: string, digest: string): BifrostError {
  return new BifrostError("data-corrupt", `the image is not usable: ${what}`, { digest });
}
