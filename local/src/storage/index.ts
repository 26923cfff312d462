/** Stand-in for Cloud Storage: the JSON API on a directory. */
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { GoogleError, notImplemented } from "../serving/google-error.ts";
import { listenOnLoopback, readJson, sendJson } from "../serving/loopback-server.ts";
import { listObjects } from "./list-objects.ts";
import { checkObjectName, objectResource, parseGiven } from "./object-metadata.ts";
import type { ObjectMetadata } from "./object-metadata.ts";
import { ObjectStore } from "./object-store.ts";
import { checkPreconditions, preconditionsOf } from "./preconditions.ts";
import { receiveMedia, receiveMultipart } from "./receive.ts";
import { ResumableUploads } from "./resumable-uploads.ts";
import { sendObject } from "./send-object.ts";

export interface RunningStorage extends RunningStandIn {
  /** Creates the bucket unless it exists. */
  ensureBucket(name: string): Promise<void>;
}

interface Context {
  readonly store: ObjectStore;
  readonly uploads: ResumableUploads;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  /** `http://host:port` as the caller sees it. */
  readonly base: string;
}

const MAX_JSON = 1024 * 1024;
/** With or without `/storage/v1`, because the client leaves it out under STORAGE_EMULATOR_HOST. */
const PATH = /^(\/upload|\/download)?(?:\/storage\/v1)?\/b(?:\/([^/]+)(?:\/o(?:\/([^/]+))?)?)?\/?$/;

export async function startStorage(options: StandInOptions): Promise<RunningStorage> {
  const { timers, log } = options;
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "bifrost-storage-"));
  const store = new ObjectStore(dataDir, timers);
  const uploads = new ResumableUploads(dataDir, store, timers);
  const server = await listenOnLoopback({
    port: options.port,
    log,
    handle(request, response, { searchParams: query }) {
      const base = `http://${request.headers.host ?? "127.0.0.1"}`;
      return route({ store, uploads, request, response, query, base });
    },
  });
  return {
    product: "storage",
    host: "127.0.0.1",
    port: server.port,
    async ensureBucket(name) {
      if (!store.buckets().includes(name)) store.createBucket(name);
    },
    info() {
      const buckets = store.buckets();
      const counts = buckets.map((bucket) => [bucket, store.objects(bucket).size] as const);
      return { objects: Object.fromEntries(counts) };
    },
    async stop() {
      await server.close();
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function route(context: Context): Promise<void> {
  const { method, path } = target(context.request);
  const match = PATH.exec(path);
  if (match === null) throw notImplemented(`${method} ${path}`);
  const [, kind, bucket, object] = match.map((part) => part && decode(part));
  const isCollection = /\/o\/?$/.test(path);
  if (kind === "/upload" && bucket !== undefined && isCollection) return upload(context, bucket);
  if (bucket === undefined) return bucketCollection(context, method);
  if (object !== undefined) return singleObject(context, method, bucket, checkObjectName(object));
  if (method !== "GET") throw notImplemented(`${method} ${path}`);
  if (isCollection) return list(context, bucket);
  context.store.objects(bucket);
  sendJson(context.response, 200, bucketResource(context, bucket));
}

/** The path is not URL.pathname, which would resolve an object named ".." against the rest. */
function target(request: IncomingMessage): { readonly method: string; readonly path: string } {
  const { method = "GET", url = "" } = request;
  return { method, path: url.replace(/\?.*$/s, "") };
}

async function bucketCollection(context: Context, method: string): Promise<void> {
  const { store, request, response } = context;
  if (method === "GET") {
    const items = store.buckets().map((name) => bucketResource(context, name));
    return sendJson(response, 200, { kind: "storage#buckets", items });
  }
  if (method !== "POST") throw notImplemented(`${method} buckets`);
  const { name } = parseGiven(await readJson(request, MAX_JSON));
  store.createBucket(name ?? "");
  sendJson(response, 200, bucketResource(context, name ?? ""));
}

function bucketResource({ base }: Context, name: string): object {
  const selfLink = `${base}/storage/v1/b/${name}`;
  return { kind: "storage#bucket", id: name, name, selfLink, storageClass: "STANDARD" };
}

function list({ store, response, query, base }: Context, bucket: string): void {
  const { items, prefixes, nextPageToken } = listObjects(store.objects(bucket), query);
  sendJson(response, 200, {
    kind: "storage#objects",
    items: items.map((item) => objectResource(item, base)),
    ...(prefixes.length === 0 ? {} : { prefixes }),
    ...(nextPageToken === undefined ? {} : { nextPageToken }),
  });
}

async function singleObject(
  context: Context,
  method: string,
  bucket: string,
  name: string,
): Promise<void> {
  const { store, request, response, query, base } = context;
  if (method === "DELETE") {
    store.delete(bucket, name, preconditionsOf(query));
    response.writeHead(204).end();
    return;
  }
  if (method !== "GET") throw notImplemented(`${method} of an object's metadata`);
  const stored = store.object(bucket, name, query.get("generation"));
  checkPreconditions(preconditionsOf(query), stored);
  if (query.get("alt") !== "media") return sendJson(response, 200, objectResource(stored, base));
  await sendObject(request, response, stored, store.contentFile(stored));
}

async function upload(context: Context, bucket: string): Promise<void> {
  const { store, query, response, base } = context;
  store.objects(bucket);
  const type = query.get("uploadType");
  if (type === "resumable") return resumable(context, bucket);
  if (type !== "multipart" && type !== "media") throw notImplemented(`uploadType ${type}`);
  const file = store.incomingFile();
  try {
    const stored = await (type === "multipart" ? multipart : media)(context, bucket, file);
    sendJson(response, 200, objectResource(stored, base));
  } finally {
    // A refused upload leaves its content behind; a stored one was renamed away.
    rmSync(file, { force: true });
  }
}

async function multipart(context: Context, bucket: string, file: string): Promise<ObjectMetadata> {
  const { store, request, query } = context;
  const { metadata, contentType } = await receiveMultipart(request, file);
  const given = parseGiven(metadata);
  const name = checkObjectName(given.name ?? query.get("name"));
  const preconditions = preconditionsOf(query);
  return store.put({ bucket, name, given: { contentType, ...given }, preconditions, file });
}

async function media(context: Context, bucket: string, file: string): Promise<ObjectMetadata> {
  const { store, request, query } = context;
  const name = checkObjectName(query.get("name"));
  await receiveMedia(request as AsyncIterable<Buffer>, file);
  const given = { contentType: request.headers["content-type"] };
  return store.put({ bucket, name, given, preconditions: preconditionsOf(query), file });
}

async function resumable(context: Context, bucket: string): Promise<void> {
  const { uploads, request, response, query, base } = context;
  const id = query.get("upload_id");
  if (id === null) return beginResumable(context, bucket);
  if (request.method === "DELETE") {
    uploads.cancel(id);
    // Google's own status for a cancelled upload.
    response.writeHead(499).end();
    return;
  }
  if (request.method !== "PUT") throw notImplemented(`${request.method} of an upload session`);
  const step = await uploads.receive(id, request);
  if (step.done) return sendJson(response, 200, objectResource(step.object, base));
  const range = step.received === 0 ? {} : { range: `bytes=0-${step.received - 1}` };
  response.writeHead(308, { "content-length": 0, ...range }).end();
}

async function beginResumable(context: Context, bucket: string): Promise<void> {
  const { store, uploads, request, response, query, base } = context;
  const given = parseGiven(await readJson(request, MAX_JSON));
  const name = checkObjectName(given.name ?? query.get("name"));
  const preconditions = preconditionsOf(query);
  checkPreconditions(preconditions, store.objects(bucket).get(name));
  const header = request.headers["x-upload-content-type"];
  const contentType = given.contentType ?? (typeof header === "string" ? header : undefined);
  const id = uploads.begin({ bucket, name, given: { ...given, contentType }, preconditions });
  const location = `${base}/upload/storage/v1/b/${bucket}/o?uploadType=resumable&upload_id=${id}`;
  response.writeHead(200, { location, "content-length": 0 }).end();
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw new GoogleError(
      "INVALID_ARGUMENT",
      "The path is not percent-encoded UTF-8.",
      {},
      {
        cause: error,
      },
    );
  }
}
