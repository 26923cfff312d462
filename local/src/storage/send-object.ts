/** Sends an object's content, whole or one range of it. */
import { createReadStream, openSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { GoogleError } from "../serving/google-error.ts";
import type { ObjectMetadata } from "./object-metadata.ts";

export async function sendObject(
  request: IncomingMessage,
  response: ServerResponse,
  stored: ObjectMetadata,
  path: string,
): Promise<void> {
  const size = Number(stored.size);
  const range = rangeOf(request.headers.range, size);
  // Opened at once: from here on a replacement of the object does not disturb this download.
  const descriptor = openSync(path, "r");
  const { start, end } = range ?? { start: 0, end: size - 1 };
  response.writeHead(range === undefined ? 200 : 206, {
    "content-type": stored.contentType,
    "content-length": end - start + 1,
    "accept-ranges": "bytes",
    etag: `"${stored.generation}"`,
    "last-modified": new Date(stored.timeCreated).toUTCString(),
    "x-goog-generation": stored.generation,
    "x-goog-metageneration": "1",
    "x-goog-storage-class": "STANDARD",
    "x-goog-stored-content-length": stored.size,
    "x-goog-stored-content-encoding": stored.contentEncoding ?? "identity",
    "x-goog-hash": `crc32c=${stored.crc32c},md5=${stored.md5Hash}`,
    ...(stored.contentEncoding ? { "content-encoding": stored.contentEncoding } : {}),
    ...(stored.cacheControl ? { "cache-control": stored.cacheControl } : {}),
    ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end}/${size}` }),
  });
  // A stream cannot be asked for "nothing": an end before the start reads one byte.
  const bounds = size === 0 ? { end: 0 } : { start, end };
  await pipeline(createReadStream("", { fd: descriptor, ...bounds }), response);
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Undefined for no range, and for forms that a server may ignore. */
function rangeOf(header: string | undefined, size: number): Range | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (start >= size || end < start) {
    throw new GoogleError("RANGE_NOT_SATISFIABLE", "Request range not satisfiable");
  }
  return { start, end };
}
