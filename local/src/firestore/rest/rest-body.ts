/** Bodies of HTTP/1 requests: read to a size, and refused before they are read when they are larger. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { MAX_REQUEST_BYTES } from "../edge/request-cap.ts";
import { invalid, RpcError } from "../rpc-error.ts";

/** All bodies that are being read; 25 of the largest. */
const MAX_BYTES_IN_ALL = 256 * 1024 * 1024;
/** Arrays and objects within each other: Firestore's own bound of 20 for values, each of which is three deep here. */
const MAX_DEPTH = 100;
const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
/** A client that is still sending learns why it is cut off only if it is listened to for a moment. */
const LINGER_MS = 1_000;

interface Reading {
  bytes: number;
  readonly refuse: (error: RpcError) => void;
}

export class RequestBodies {
  /** Oldest first: who sends in earnest is done in milliseconds. */
  readonly #reading = new Set<Reading>();
  readonly #maxBytesInAll: number;
  #bytes = 0;

  constructor(maxBytesInAll = MAX_BYTES_IN_ALL) {
    this.#maxBytesInAll = maxBytesInAll;
  }

  /** Throws INVALID_ARGUMENT for a body beyond 10 MiB as soon as that is known; the rest is left unread. */
  async read(request: IncomingMessage): Promise<Buffer> {
    if (Number(request.headers["content-length"] ?? 0) > MAX_REQUEST_BYTES) throw tooLarge();
    const chunks: Buffer[] = [];
    let reading: Reading | undefined;
    try {
      await new Promise<void>((resolve, refuse) => {
        const current = { bytes: 0, refuse };
        reading = current;
        this.#reading.add(current);
        request.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          this.#grow(current, chunk.length);
        });
        request.once("end", resolve);
        request.once("error", refuse);
        request.once("close", () => refuse(new RpcError("CANCELLED", "The client is gone.")));
      });
    } finally {
      request.removeAllListeners("data").pause();
      if (reading !== undefined) this.#forget(reading);
    }
    return chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
  }

  #grow(reading: Reading, bytes: number): void {
    reading.bytes += bytes;
    this.#bytes += bytes;
    if (reading.bytes > MAX_REQUEST_BYTES) reading.refuse(tooLarge());
    const [oldest] = this.#reading;
    if (this.#bytes <= this.#maxBytesInAll || oldest === undefined) return;
    this.#forget(oldest);
    oldest.refuse(new RpcError("UNAVAILABLE", "Too much is being sent at once; try again."));
  }

  #forget(reading: Reading): void {
    if (this.#reading.delete(reading)) this.#bytes -= reading.bytes;
  }
}

function tooLarge(): RpcError {
  return invalid(`Request payload size exceeds the limit: ${MAX_REQUEST_BYTES} bytes.`);
}

/** Throws INVALID_ARGUMENT; no body is `{}`. */
export function parseBody(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return parseJson(body);
  } catch (error) {
    if (error instanceof RpcError) throw error;
    throw new RpcError("INVALID_ARGUMENT", "The body is not valid JSON.", { cause: error });
  }
}

/** Throws INVALID_ARGUMENT for what nests too deeply, and a SyntaxError for what is no JSON. */
export function parseJson(text: Buffer): unknown {
  checkDepth(text);
  return JSON.parse(text.toString());
}

/** Whoever reads the values calls itself for each level, so the levels are counted before. */
function checkDepth(body: Buffer): void {
  let depth = 0;
  let isText = false;
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index];
    if (byte === QUOTE) isText = !isText;
    else if (isText) index += byte === BACKSLASH ? 1 : 0;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth += 1;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
    if (depth > MAX_DEPTH) throw invalid(`The body nests deeper than ${MAX_DEPTH} levels.`);
  }
}

/** Ends an answered request whose body was not read: the rest would be taken for the next request. */
export function endUnread(request: IncomingMessage, response: ServerResponse): void {
  const end = (): void => {
    clearTimeout(linger);
    response.end();
  };
  const linger = setTimeout(end, LINGER_MS);
  request.once("close", end);
  request.resume();
}
