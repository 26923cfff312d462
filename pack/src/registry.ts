/** The registry protocol as far as packing needs it: check, upload, download, with token exchange. */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { PackConfig } from "./config.ts";
import type { ImageReference } from "./image-reference.ts";
import { PackError } from "./pack-error.ts";

const TIMEOUT_MS = 300_000;
const MAX_DOCUMENT_BYTES = 4 * 1024 ** 2;
const ATTEMPTS = 3;
const ACCEPT = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

export type Credential = Pick<PackConfig, "token" | "scheme">;

/** Bytes that can be sent more than once. */
export type Content = Buffer | { readonly path: string } | { open(): Promise<Readable> };

export class Registry {
  readonly #image: ImageReference;
  readonly #credential: Credential;
  readonly #scope: string;
  /** Token a bearer challenge was answered with. */
  #exchanged: string | undefined;

  constructor(image: ImageReference, credential: Credential, access: "pull" | "pull,push") {
    this.#image = image;
    this.#credential = credential;
    this.#scope = `repository:${image.repository}:${access}`;
  }

  async has(digest: string): Promise<boolean> {
    const response = await this.#send("HEAD", `/blobs/${digest}`);
    if (response.status === 404) return false;
    await requireOk(response, `look for ${digest}`);
    return true;
  }

  /** Uploads a blob in one piece unless it is there already. */
  async upload(digest: string, size: number, content: Content): Promise<void> {
    if (await this.has(digest)) return;
    const begun = await requireOk(await this.#send("POST", "/blobs/uploads/"), "begin an upload");
    const location = begun.headers.get("location");
    if (location === null) throw new PackError("the registry began an upload without a location");
    const url = new URL(location, this.#image.url);
    url.searchParams.set("digest", digest);
    const headers = { "content-length": String(size), "content-type": "application/octet-stream" };
    await requireOk(await this.#send("PUT", url.href, headers, content), `upload ${digest}`);
  }

  async putManifest(reference: string, mediaType: string, bytes: Buffer): Promise<void> {
    const headers = { "content-type": mediaType };
    const path = `/manifests/${reference}`;
    await requireOk(await this.#send("PUT", path, headers, bytes), `put the manifest ${reference}`);
  }

  async manifest(reference: string): Promise<Buffer> {
    const path = `/manifests/${reference}`;
    return this.#document(path);
  }

  async blob(digest: string): Promise<Buffer> {
    return this.#document(`/blobs/${digest}`);
  }

  async openBlob(digest: string): Promise<Readable> {
    const response = await requireOk(await this.#send("GET", `/blobs/${digest}`), `get ${digest}`);
    if (response.body === null) throw new PackError(`the registry sent no bytes for ${digest}`);
    return Readable.fromWeb(response.body);
  }

  async #document(path: string): Promise<Buffer> {
    const response = await requireOk(await this.#send("GET", path), `get ${path}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    if (bytes.length <= MAX_DOCUMENT_BYTES) return bytes;
    throw new PackError(`${path} has more than ${MAX_DOCUMENT_BYTES} bytes`);
  }

  /** One request; a bearer challenge is answered once, and a broken connection tried again. */
  async #send(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    content?: Content,
  ): Promise<Response> {
    const url = path.startsWith("/")
      ? `${this.#image.url}/v2/${this.#image.repository}${path}`
      : path;
    const once = async () => {
      const body = content === undefined ? undefined : await openContent(content);
      const init = {
        method,
        headers: { accept: ACCEPT, ...headers, ...this.#authorization() },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body, duplex: "half" as const }),
      };
      return fetch(url, init);
    };
    const response = await retried(once, url);
    if (response.status !== 401 || !(await this.#answerChallenge(response))) return response;
    return retried(once, url);
  }

  #authorization(): Record<string, string> {
    const { token, scheme } = this.#credential;
    if (this.#exchanged !== undefined) return { authorization: `Bearer ${this.#exchanged}` };
    if (token === undefined) return {};
    return { authorization: scheme === "bearer" ? `Bearer ${token}` : basic(token) };
  }

  async #answerChallenge(response: Response): Promise<boolean> {
    const challenge = response.headers.get("www-authenticate") ?? "";
    if (!/^bearer /i.test(challenge) || this.#exchanged !== undefined) return false;
    const field = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
    const realm = field("realm");
    if (realm === undefined) return false;
    const url = new URL(realm);
    url.searchParams.set("scope", this.#scope);
    const service = field("service");
    if (service !== undefined) url.searchParams.set("service", service);
    const { token } = this.#credential;
    const headers = token === undefined ? {} : { authorization: basic(token) };
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!answer.ok) return false;
    const granted = (await answer.json()) as { token?: unknown; access_token?: unknown };
    const value = granted.token ?? granted.access_token;
    if (typeof value !== "string") return false;
    this.#exchanged = value;
    return true;
  }
}

function basic(token: string): string {
  return `Basic ${Buffer.from(`oauth2accesstoken:${token}`).toString("base64")}`;
}

async function openContent(content: Content): Promise<Uint8Array<ArrayBuffer> | ReadableStream> {
  if (Buffer.isBuffer(content)) return new Uint8Array(content);
  const stream = "path" in content ? createReadStream(content.path) : await content.open();
  return Readable.toWeb(stream);
}

async function retried(send: () => Promise<Response>, url: string): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await send().catch((error: unknown) => error as Error);
    const isDone = outcome instanceof Response && outcome.status < 500;
    if (isDone) return outcome;
    if (attempt < ATTEMPTS) continue;
    if (outcome instanceof Response) return outcome;
    const cause = outcome.cause instanceof Error ? outcome.cause.message : outcome.message;
    throw new PackError(`the registry did not answer at ${url}: ${cause}`);
  }
}

async function requireOk(response: Response, what: string): Promise<Response> {
  if (response.ok) return response;
  const text = (await response.text()).slice(0, 300);
  throw new PackError(`the registry refused to ${what}: ${response.status} ${text}`);
}
