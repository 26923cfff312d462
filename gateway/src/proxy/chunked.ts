/** Follows a chunked body to its end without changing it (RFC 9112, 7.1); stricter than the RFC about bare LF. */
import { areTrailers } from "./header-block.ts";

const CR = 13;
const LF = 10;
const TAB = 9;
const DEL = 127;
/** 12 hex digits are 256 TiB: enough for any chunk, too few to lose precision. */
const MAX_SIZE_DIGITS = 12;
const MAX_EXTENSION_BYTES = 4096;
const MAX_TRAILER_BYTES = 8192;

export class ChunkedError extends Error {}

/** The payload is larger than it may be. */
export class PayloadTooLarge extends ChunkedError {}

/** Positions at which one byte decides; within chunk data and before the last LF `feed` itself does. */
type State =
  | "size"
  | "extension"
  | "size-lf"
  | "data"
  | "data-cr"
  | "data-lf"
  | "line-start"
  | "trailer"
  | "trailer-lf"
  | "end-lf";

/** Where the payload goes when it is to be decoded. */
export type PayloadSink = (payload: Buffer) => void;

export class ChunkedScanner {
  private state: State = "size";
  private left = 0;
  private digits = 0;
  private lineBytes = 0;
  private trailers = "";
  private payloadLeft: number;

  constructor(maxPayload = Infinity) {
    this.payloadLeft = maxPayload;
  }

  /**
   * Reads on from `from`; answers the index after the body, or -1 when it goes on in the next buffer.
   * Throws ChunkedError when the framing is broken, which includes PayloadTooLarge at the size of a chunk too many.
   */
  feed(buffer: Buffer, from: number, sink?: PayloadSink): number {
    let at = from;
    while (at < buffer.length) {
      if (this.state === "data") {
        const taken = Math.min(this.left, buffer.length - at);
        sink?.(buffer.subarray(at, at + taken));
        at += taken;
        this.left -= taken;
        if (this.left === 0) this.state = "data-cr";
        continue;
      }
      const byte = buffer[at++] ?? 0;
      if (this.state === "end-lf") {
        expectByte(byte, LF);
        return at;
      }
      this.state = this.next(byte);
    }
    return -1;
  }

  private next(byte: number): State {
    switch (this.state) {
      case "size":
        return this.size(byte);
      case "extension":
        return this.line(byte, "extension", "size-lf", MAX_EXTENSION_BYTES);
      case "size-lf":
        return this.afterSize(byte);
      case "data-cr":
        return expectByte(byte, CR, "data-lf");
      case "data-lf":
        return expectByte(byte, LF, "size");
      case "line-start":
        return byte === CR ? this.afterTrailers() : this.trailer(byte);
      case "trailer":
        return this.trailer(byte);
      case "trailer-lf":
        return expectByte(byte, LF, "line-start");
      case "data":
      case "end-lf":
        break;
    }
    return this.state;
  }

  private size(byte: number): State {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.digits > MAX_SIZE_DIGITS) throw new ChunkedError("chunk size too long");
      this.left = this.left * 16 + digit;
      return "size";
    }
    if (this.digits === 0) throw new ChunkedError("chunk size missing");
    if (byte === CR) return "size-lf";
    // A blank before the line's end is read in two ways; before a semicolon nobody writes one.
    if (byte === 59) return "extension";
    throw new ChunkedError("chunk size malformed");
  }

  private afterSize(byte: number): State {
    expectByte(byte, LF);
    this.payloadLeft -= this.left;
    if (this.payloadLeft < 0) throw new PayloadTooLarge();
    this.digits = 0;
    this.lineBytes = 0;
    return this.left === 0 ? "line-start" : "data";
  }

  private trailer(byte: number): State {
    this.trailers += byte === CR ? "\r\n" : String.fromCharCode(byte);
    return this.line(byte, "trailer", "trailer-lf", MAX_TRAILER_BYTES);
  }

  private afterTrailers(): State {
    if (!areTrailers(this.trailers)) throw new ChunkedError("trailer malformed");
    return "end-lf";
  }

  private line(byte: number, same: State, ended: State, limit: number): State {
    if (byte === CR) return ended;
    const isControl = (byte < 32 && byte !== TAB) || byte === DEL;
    if (isControl || ++this.lineBytes > limit) throw new ChunkedError("line malformed");
    return same;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function expectByte(byte: number, expected: number): undefined;
function expectByte(byte: number, expected: number, next: State): State;
function expectByte(byte: number, expected: number, next?: State): State | undefined {
  if (byte !== expected) throw new ChunkedError("line end malformed");
  return next;
}
