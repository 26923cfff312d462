/** Frames of HTTP/2 (RFC 9113): the nine bytes before each, and what each kind may look like. */
import { Bytes } from "../../wire/bytes.ts";

export const DATA: i32 = 0;
export const HEADERS: i32 = 1;
const PRIORITY_FRAME: i32 = 2;
export const RST_STREAM: i32 = 3;
export const SETTINGS: i32 = 4;
export const PING: i32 = 6;
export const GOAWAY: i32 = 7;
export const WINDOW_UPDATE: i32 = 8;
export const CONTINUATION: i32 = 9;

/** Flags; the first has two names. */
export const END_STREAM: i32 = 1;
export const ACK: i32 = 1;
export const END_HEADERS: i32 = 4;
export const PADDED: i32 = 8;
export const PRIORITY: i32 = 32;

export const FRAME_HEAD: i32 = 9;
/** The most either side may send unless the other allows more. */
const MAX_FRAME: i32 = 16_384;

export function writeFrameHead(out: Bytes, length: i32, kind: i32, flags: i32, stream: i32): Bytes {
  out
    .byte(length >> 16)
    .byte(length >> 8)
    .byte(length)
    .byte(kind)
    .byte(flags);
  return writeWord(out, stream);
}

export function writeWord(out: Bytes, value: i32): Bytes {
  return out
    .byte(value >> 24)
    .byte(value >> 16)
    .byte(value >> 8)
    .byte(value);
}

/** 31 bits; the highest is reserved. */
export function wordAt(bytes: Bytes, at: i32): i32 {
  const high = ((bytes.at(at) & 127) << 24) | (bytes.at(at + 1) << 16);
  return high | (bytes.at(at + 2) << 8) | bytes.at(at + 3);
}

/** The head of the frame that arrives. */
export class FrameHead {
  length: i32 = 0;
  kind: i32 = 0;
  flags: i32 = 0;
  stream: i32 = 0;
  private readonly bytes: Bytes = new Bytes(FRAME_HEAD);

  reset(): void {
    this.bytes.clear();
  }

  /** Whether the head is complete now. */
  feed(byte: i32): bool {
    const bytes = this.bytes.byte(byte);
    if (bytes.room() > 0) return false;
    this.length = (bytes.at(0) << 16) | (bytes.at(1) << 8) | bytes.at(2);
    this.kind = bytes.at(3);
    this.flags = bytes.at(4);
    this.stream = wordAt(bytes, 5);
    bytes.clear();
    return true;
  }

  has(flag: i32): bool {
    return (this.flags & flag) !== 0;
  }

  /** Whether a server may send this to a client whose only stream is 1. */
  isLegal(): bool {
    if (this.length > MAX_FRAME || this.stream < 0 || this.stream > 1) return false;
    if (this.kind === DATA || this.kind === HEADERS || this.kind === CONTINUATION) {
      return this.stream === 1;
    }
    if (this.kind === RST_STREAM) return this.stream === 1 && this.length === 4;
    if (this.kind === WINDOW_UPDATE) return this.length === 4;
    return this.stream === 0 ? this.isLegalForConnection() : this.isIgnored();
  }

  /** Kinds that are passed over: PRIORITY and those nobody knows. */
  private isIgnored(): bool {
    return this.kind === PRIORITY_FRAME || this.kind > CONTINUATION;
  }

  private isLegalForConnection(): bool {
    if (this.kind === SETTINGS) return this.has(ACK) ? this.length === 0 : this.length % 6 === 0;
    if (this.kind === PING) return this.length === 8;
    if (this.kind === GOAWAY) return this.length >= 8;
    return this.isIgnored();
  }
}
