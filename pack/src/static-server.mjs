/**
 * Serves one directory over HTTP; put into images of static sites and run by plain Node without packages.
 * usage: node static-server.mjs --dir /app [--spa]; PORT names the port (8080).
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { pipeline } from "node:stream";
import { parseArgs } from "node:util";

const TYPES = {
  ".avif": "image/avif",
  ".css": "text/css; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".gif": "image/gif",
  ".htm": "text/html; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".mp3": "audio/mpeg",
  ".mp4": "video/mp4",
  ".otf": "font/otf",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webm": "video/webm",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
  ".woff": "font/woff",
  ".woff2": "font/woff2",
  ".xml": "application/xml; charset=utf-8",
};
const HEALTH_PATHS = new Set(["/healthz", process.env.HEALTH_PATH]);
const DRAIN_MS = 10_000;

const { values } = parseArgs({
  options: { dir: { type: "string", default: "." }, spa: { type: "boolean", default: false } },
});
const root = await realpath(values.dir);

/** The file a path names, `index.html` for a directory; undefined for nothing or anything outside. */
async function find(path) {
  const candidate = join(root, normalize(`/${path}`));
  for (const name of [candidate, join(candidate, "index.html")]) {
    const real = await realpath(name).catch(() => undefined);
    if (real === undefined || !(real === root || real.startsWith(root + sep))) continue;
    const found = await stat(real).catch(() => undefined);
    if (found?.isFile()) return { real, size: found.size };
  }
  return undefined;
}

function decode(url) {
  try {
    const path = decodeURIComponent(url.split(/[?#]/, 1)[0]);
    return path.includes("\0") || /(^|[/\\])\.\.([/\\]|$)/.test(path) ? undefined : path;
  } catch {
    return undefined;
  }
}

function refuse(response, status, text, headers = {}) {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", ...headers });
  response.end(`${text}\n`);
}

/** Tags by path, from the content: files in images carry no usable times. The directory never changes. */
const tags = new Map();

function etagOf(file) {
  const known = tags.get(file.real);
  if (known !== undefined) return known;
  const hashing = hashFile(file.real);
  tags.set(file.real, hashing);
  return hashing;
}

async function hashFile(path) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return `"${hash.digest("base64url").slice(0, 22)}"`;
}

async function serve(request, response) {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return refuse(response, 405, "only GET and HEAD", { allow: "GET, HEAD" });
  }
  const path = decode(request.url);
  if (path === undefined) return refuse(response, 400, "bad path");
  const isPage = extname(path) === "" || extname(path) === ".html";
  const file = (await find(path)) ?? (values.spa && isPage ? await find("/index.html") : undefined);
  if (file !== undefined) return sendFile(request, response, file);
  if (HEALTH_PATHS.has(path)) return refuse(response, 200, "ok");
  return refuse(response, 404, "not found");
}

async function sendFile(request, response, file) {
  const etag = await etagOf(file);
  const headers = { etag, "cache-control": "no-cache", "x-content-type-options": "nosniff" };
  const wanted = (request.headers["if-none-match"] ?? "").split(/\s*,\s*/);
  if (wanted.includes(etag) || wanted.includes(`W/${etag}`)) {
    response.writeHead(304, headers);
    return response.end();
  }
  response.writeHead(200, {
    ...headers,
    "content-type": TYPES[extname(file.real).toLowerCase()] ?? "application/octet-stream",
    "content-length": file.size,
  });
  if (request.method === "HEAD") return response.end();
  return pipeline(createReadStream(file.real), response, () => {});
}

const server = createServer((request, response) => {
  serve(request, response).catch(() => {
    if (response.headersSent) response.destroy();
    else refuse(response, 500, "internal error");
  });
});
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? "0.0.0.0", () => {
  process.stdout.write(`listening on ${server.address().port}\n`);
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), DRAIN_MS).unref();
  });
}
