/** One HTTP exchange of the distribution protocol: authorise, then act on the stores. */
import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { BlobStore } from "./blob-store.ts";
import type { ManifestStore } from "./manifest-store.ts";
import { parseRange } from "./parse-range.ts";
import { RegistryError } from "./registry-error.ts";
import { parseRoute, type Route } from "./route.ts";

export interface RegistryCredential {
  readonly kind: "bearer" | "basic";
  /** The bearer token, or for basic the password. */
  readonly token: string;
}

/** Decides one access; `repository` is empty for the version check of `/v2/`. */
export type AuthorizeRegistry = (
  credential: RegistryCredential | null,
  repository: string,
  action: "pull" | "push",
) => Promise<boolean>;

export interface RegistryContext {
  readonly blobs: BlobStore;
  readonly manifests: ManifestStore;
  readonly authorize: AuthorizeRegistry;
  readonly maxManifestBytes: number;
}

interface Exchange {
  readonly context: RegistryContext;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
}

/** Answers the request. Throws RegistryError for what the caller must be told. */
export async function handleRequest(
  context: RegistryContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://registry");
  const route = parseRoute(url.pathname);
  await requireAccess(context, request, route);
  const exchange: Exchange = { context, request, response, url };
  switch (route.kind) {
    case "ping":
      return answer(response, 200, { "content-type": "application/json" }, "{}");
    case "uploads":
      return startUpload(exchange, route.repository);
    case "upload":
      return continueUpload(exchange, route.repository, route.id);
    case "blob":
      return serveBlob(exchange, route.repository, route.digest);
    case "manifest":
      return handleManifest(exchange, route.repository, route.reference);
    case "tags":
      return listTags(exchange, route.repository);
  }
}

async function requireAccess(
  context: RegistryContext,
  request: IncomingMessage,
  route: Route,
): Promise<void> {
  const credential = readCredential(request.headers.authorization);
  const repository = "repository" in route ? route.repository : "";
  const isWrite = !["GET", "HEAD"].includes(request.method ?? "") || route.kind === "upload";
  const action = isWrite ? "push" : "pull";
  if (await context.authorize(credential, repository, action)) return;
  if (credential === null) throw new RegistryError("UNAUTHORIZED", "a credential is needed here");
  throw new RegistryError("DENIED", `this credential may not ${action} ${repository || "/v2/"}`);
}

function readCredential(header: string | undefined): RegistryCredential | null {
  const [scheme, value] = (header ?? "").split(" ", 2);
  if (value === undefined) return null;
  if (scheme?.toLowerCase() === "bearer") return { kind: "bearer", token: value };
  if (scheme?.toLowerCase() !== "basic") return null;
  const [, ...password] = Buffer.from(value, "base64").toString("utf8").split(":");
  return { kind: "basic", token: password.join(":") };
}

async function startUpload({ context, request, response, url }: Exchange, repository: string) {
  if (request.method !== "POST") throw unsupported(request);
  const id = await context.blobs.begin(repository);
  const digest = url.searchParams.get("digest");
  // `mount` from another repository is answered as the specification allows: by opening an upload.
  if (digest === null) return answerProgress(response, repository, id, 0);
  await context.blobs.append(repository, id, request);
  return finishUpload({ context, request, response, url }, repository, id, digest);
}

async function continueUpload(exchange: Exchange, repository: string, id: string) {
  const { context, request, response, url } = exchange;
  const received = await context.blobs.received(repository, id);
  switch (request.method ?? "") {
    case "GET":
      return answerProgress(response, repository, id, received, 204);
    case "PATCH":
      requireNextChunk(request, received);
      return answerProgress(
        response,
        repository,
        id,
        await context.blobs.append(repository, id, request),
      );
    case "PUT": {
      requireNextChunk(request, received);
      const digest = url.searchParams.get("digest");
      if (digest === null) throw new RegistryError("DIGEST_INVALID", "PUT needs ?digest=sha256:…");
      await context.blobs.append(repository, id, request);
      return finishUpload(exchange, repository, id, digest);
    }
    case "DELETE":
      await context.blobs.abort(repository, id);
      return answer(response, 204, {});
    default:
      throw unsupported(request);
  }
}

async function finishUpload(exchange: Exchange, repository: string, id: string, digest: string) {
  await exchange.context.blobs.finish(repository, id, digest);
  const location = `/v2/${repository}/blobs/${digest}`;
  answer(exchange.response, 201, { location, "docker-content-digest": digest });
}

function requireNextChunk(request: IncomingMessage, received: number): void {
  const range = request.headers["content-range"];
  if (range === undefined) return;
  const start = /^(?:bytes )?(\d+)-\d+/.exec(range)?.[1];
  if (start !== undefined && Number(start) === received) return;
  throw new RegistryError("RANGE_INVALID", `the next byte is ${received}, not "${range}"`);
}

function answerProgress(
  response: ServerResponse,
  repository: string,
  id: string,
  received: number,
  status = 202,
): void {
  answer(response, status, {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    range: `0-${Math.max(0, received - 1)}`,
    "docker-upload-uuid": id,
  });
}

async function serveBlob(
  { context, request, response }: Exchange,
  repository: string,
  digest: string,
) {
  if (request.method !== "GET" && request.method !== "HEAD") throw unsupported(request);
  const blob = await context.blobs.find(repository, digest);
  if (blob === undefined) throw new RegistryError("BLOB_UNKNOWN", `no ${digest} in ${repository}`);
  const range = parseRange(request.headers.range, blob.bytes);
  const { start, end } = range ?? { start: 0, end: blob.bytes - 1 };
  response.writeHead(range === undefined ? 200 : 206, {
    "content-type": "application/octet-stream",
    "content-length": end - start + 1,
    "accept-ranges": "bytes",
    "docker-content-digest": digest,
    ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end}/${blob.bytes}` }),
  });
  if (request.method === "HEAD" || blob.bytes === 0) response.end();
  else await pipeline(createReadStream(blob.path, { start, end }), response);
}

async function handleManifest(exchange: Exchange, repository: string, reference: string) {
  const { context, request, response } = exchange;
  if (request.method === "PUT") {
    const bytes = await readBody(request, context.maxManifestBytes);
    const mediaType = (request.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
    const digest = await context.manifests.put(repository, reference, mediaType, bytes);
    const location = `/v2/${repository}/manifests/${digest}`;
    return answer(response, 201, { location, "docker-content-digest": digest });
  }
  if (request.method !== "GET" && request.method !== "HEAD") throw unsupported(request);
  const manifest = await context.manifests.get(repository, reference);
  const headers = {
    "content-type": manifest.mediaType,
    "content-length": manifest.bytes.length,
    "docker-content-digest": manifest.digest,
  };
  answer(response, 200, headers, request.method === "HEAD" ? undefined : manifest.bytes);
}

async function listTags({ context, request, response, url }: Exchange, repository: string) {
  if (request.method !== "GET") throw unsupported(request);
  const all = await context.manifests.tags(repository);
  const last = url.searchParams.get("last") ?? "";
  const limit = Number(url.searchParams.get("n") ?? all.length);
  const tags = all.filter((tag) => tag > last).slice(0, Math.max(0, limit));
  const body = JSON.stringify({ name: repository, tags });
  answer(response, 200, { "content-type": "application/json" }, body);
}

async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) {
      throw new RegistryError("SIZE_INVALID", `a manifest may have ${limit} bytes at most`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function unsupported(request: IncomingMessage): RegistryError {
  return new RegistryError("UNSUPPORTED", `${request.method} is not supported on this path`);
}

function answer(
  response: ServerResponse,
  status: number,
  headers: Record<string, string | number>,
  body?: string | Buffer,
): void {
  const length = body === undefined && status !== 204 ? { "content-length": 0 } : {};
  response.writeHead(status, { ...length, ...headers });
  response.end(body);
}
