/** Writes request bodies to files as they arrive; nothing large is held in memory. */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { GoogleError } from "../serving/google-error.ts";

/** Cap per object. */
export const MAX_OBJECT_BYTES = 512 * 1024 * 1024;
const MAX_PREAMBLE_BYTES = 256 * 1024;

/** Appends the body to `path`, skipping its first `skip` bytes; the file's size afterwards. */
export async function receiveMedia(
  request: AsyncIterable<Buffer>,
  path: string,
  skip = 0,
): Promise<number> {
  const file = await open(path, "a", 0o600);
  try {
    let { size } = await file.stat();
    let toSkip = skip;
    for await (const chunk of request) {
      const bytes = chunk.subarray(toSkip);
      toSkip = Math.max(0, toSkip - chunk.length);
      size += bytes.length;
      if (size > MAX_OBJECT_BYTES) throw tooLarge();
      await file.appendFile(bytes);
    }
    return size;
  } finally {
    await file.close();
  }
}

export interface MultipartUpload {
  readonly metadata: unknown;
  /** Content type of the media part. */
  readonly contentType: string | undefined;
}

/** Reads a `multipart/related` body of two parts: JSON metadata, then the media, which goes to `path`. */
export async function receiveMultipart(
  request: IncomingMessage,
  path: string,
): Promise<MultipartUpload> {
  const type = request.headers["content-type"] ?? "";
  const boundary = /boundary="?([^";]+)"?/.exec(type)?.[1];
  if (boundary === undefined) throw invalid("the content type names no boundary");
  const file = await open(path, "w", 0o600);
  try {
    return await readParts(request as AsyncIterable<Buffer>, boundary, file);
  } finally {
    await file.close();
  }
}

async function readParts(
  chunks: AsyncIterable<Buffer>,
  boundary: string,
  file: FileHandle,
): Promise<MultipartUpload> {
  const end = Buffer.from(`\r\n--${boundary}`);
  let upload: MultipartUpload | undefined;
  let finished = false;
  let written = 0;
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (finished) continue;
    held = Buffer.concat([held, chunk]);
    if (upload === undefined) {
      const preamble = parsePreamble(held, boundary);
      if (preamble === undefined) continue;
      upload = preamble.upload;
      held = held.subarray(preamble.mediaStart);
    }
    const at = held.indexOf(end);
    finished = at !== -1;
    // What might be the beginning of the delimiter is held back until more has come.
    const safe = finished ? at : Math.max(0, held.length - end.length + 1);
    written += safe;
    if (written > MAX_OBJECT_BYTES) throw tooLarge();
    await file.appendFile(held.subarray(0, safe));
    held = held.subarray(safe);
  }
  if (upload === undefined || !finished) throw invalid("the closing boundary is missing");
  return upload;
}

/** Undefined while the second part's headers have not arrived in full. */
function parsePreamble(
  held: Buffer,
  boundary: string,
): { readonly upload: MultipartUpload; readonly mediaStart: number } | undefined {
  if (held.length > MAX_PREAMBLE_BYTES + (1 << 20)) throw invalid("its metadata part is too large");
  const jsonStart = held.indexOf("\r\n\r\n");
  const jsonEnd = jsonStart === -1 ? -1 : held.indexOf(`\r\n--${boundary}\r\n`, jsonStart + 4);
  const headersStart = jsonEnd + boundary.length + 6;
  const headersEnd = jsonEnd === -1 ? -1 : held.indexOf("\r\n\r\n", headersStart - 2);
  if (headersEnd === -1) return undefined;
  const headers = held.toString("latin1", headersStart - 2, headersEnd);
  const contentType = /^content-type:\s*(.+)$/im.exec(headers)?.[1]?.trim();
  const json = held.toString("utf8", jsonStart + 4, jsonEnd).trim();
  try {
    const metadata: unknown = JSON.parse(json === "" ? "{}" : json);
    return { upload: { metadata, contentType }, mediaStart: headersEnd + 4 };
  } catch {
    throw invalid("its metadata part is not JSON");
  }
}

function invalid(why: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", `Malformed multipart body: ${why}.`);
}

function tooLarge(): GoogleError {
  const message = `The object exceeds ${MAX_OBJECT_BYTES} bytes, the cap of this stand-in.`;
  return new GoogleError("PAYLOAD_TOO_LARGE", message);
}
