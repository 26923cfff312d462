/** The reading half of a registry client, as a kubelet needs it: by digest, verified while it streams. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { digestOf } from "./digest.ts";
import type { RegistryCredential } from "./handle-request.ts";
import { IMAGE_MANIFEST_TYPES } from "./manifest.ts";
import type { ImageReference } from "./parse-image-reference.ts";

const MAX_DOCUMENT_BYTES = 4 * 1024 ** 2;
const REQUEST_TIMEOUT_MS = 120_000;

export class RegistryClient {
  readonly #baseUrl: string;
  readonly #repository: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(baseUrl: string, reference: ImageReference, credential: RegistryCredential | null) {
    this.#baseUrl = baseUrl;
    this.#repository = reference.repository;
    this.#headers = { accept: IMAGE_MANIFEST_TYPES.join(", "), ...authorization(credential) };
  }

  /** The manifest's bytes and their true digest. Throws when a digest was asked for and does not match. */
  async manifest(reference: string): Promise<{ bytes: Buffer; digest: string }> {
    const response = await this.#get(`manifests/${reference}`);
    const bytes = await readCapped(response);
    const digest = digestOf(bytes);
    if (reference.startsWith("sha256:")) requireDigest(digest, reference);
    return { bytes, digest };
  }

  /** A small blob such as the image configuration. Throws when its digest is not the one asked for. */
  async document(digest: string): Promise<Buffer> {
    const bytes = await readCapped(await this.#get(`blobs/${digest}`));
    requireDigest(digestOf(bytes), digest);
    return bytes;
  }

  /** Streams a blob to `path`, which appears only when the digest is right. */
  async download(digest: string, path: string): Promise<void> {
    const response = await this.#get(`blobs/${digest}`);
    const hash = createHash("sha256");
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    const partial = `${path}.part`;
    try {
      await pipeline(bodyOf(response), hashing, createWriteStream(partial));
      requireDigest(`sha256:${hash.digest("hex")}`, digest);
      await rename(partial, path);
    } finally {
      await rm(partial, { force: true });
    }
  }

  async #get(path: string): Promise<Response> {
    const url = `${this.#baseUrl}/v2/${this.#repository}/${path}`;
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const response = await fetch(url, { headers: this.#headers, signal }).catch(
      (cause: unknown) => {
        throw new BifrostError(
          "upstream-unavailable",
          `the registry at ${this.#baseUrl} did not answer; check that it runs`,
          { url },
          { cause },
        );
      },
    );
    if (response.ok) return response;
    const text = (await response.text()).slice(0, 300);
    const code = response.status === 404 ? "not-found" : "upstream-refused";
    throw new BifrostError(code, `the registry answered ${response.status} to ${url}: ${text}`, {
      url,
      status: response.status,
    });
  }
}

function authorization(credential: RegistryCredential | null): Record<string, string> {
  if (credential === null) return {};
  if (credential.kind === "bearer") return { authorization: `Bearer ${credential.token}` };
  const pair = Buffer.from(`oauth2accesstoken:${credential.token}`).toString("base64");
  return { authorization: `Basic ${pair}` };
}

function bodyOf(response: Response): Readable {
  return Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
}

async function readCapped(response: Response): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bodyOf(response) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_DOCUMENT_BYTES) {
      throw new BifrostError(
        "upstream-refused",
        `the registry sent a document of more than ${MAX_DOCUMENT_BYTES} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function requireDigest(actual: string, wanted: string): void {
  if (actual === wanted) return;
  throw new BifrostError("data-corrupt", `the registry sent ${actual} for ${wanted}`, {
    actual,
    wanted,
  });
}
