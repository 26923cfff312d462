/** Bytes in and out: varints, short texts, raw bytes. The reader believes no length before it has checked it. */
import { Buffer, isUtf8 } from "node:buffer";

const FIRST_CAPACITY = 256;
/** Of a varint: 2^53 needs 8 groups of 7 bits. */
const MAX_VARINT_BYTES = 8;

/** Thrown by the reader; whoever decodes turns it into "not a message of ours". */
export class MalformedBytes extends Error {
  override readonly name = "MalformedBytes";
}

export class ByteWriter {
  private buffer: Buffer = Buffer.allocUnsafe(FIRST_CAPACITY);
  private used = 0;

  byte(value: number): this {
    this.reserve(1);
    this.buffer[this.used++] = value;
    return this;
  }

  /** An integer from 0 to 2^53 - 1, seven bits a byte, the lowest first. */
  varint(value: number): this {
    this.reserve(MAX_VARINT_BYTES);
    let rest = value;
    while (rest > 0x7f) {
      this.buffer[this.used++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.used++] = rest;
    return this;
  }

  /** Its length in bytes, then UTF-8. */
  text(value: string): this {
    const length = Buffer.byteLength(value);
    this.varint(length).reserve(length);
    this.used += this.buffer.write(value, this.used, "utf8");
    return this;
  }

  /** Without a length. */
  raw(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
    return this;
  }

  /** Its length, then the bytes. */
  blob(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.buffer, 0, this.used);
  }

  private reserve(more: number): void {
    if (this.used + more <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.used + more));
    this.buffer.copy(larger, 0, 0, this.used);
    this.buffer = larger;
  }
}

export class ByteReader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.at;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new MalformedBytes("ends too early");
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new MalformedBytes("a number is too large");
  }

  text(maxBytes: number): string {
    const end = this.end(maxBytes);
    const { buffer, byteOffset } = this.bytes;
    const bytes = Buffer.from(buffer, byteOffset + this.at, end - this.at);
    // What was replaced while reading would be longer when it is written again.
    if (!isUtf8(bytes)) throw new MalformedBytes("not UTF-8");
    this.at = end;
    return bytes.toString("utf8");
  }

  /** A view, not a copy. */
  blob(maxBytes: number): Uint8Array {
    const end = this.end(maxBytes);
    const value = this.bytes.subarray(this.at, end);
    this.at = end;
    return value;
  }

  private end(maxBytes: number): number {
    const length = this.varint();
    if (length > maxBytes) throw new MalformedBytes(`${length} bytes where ${maxBytes} may be`);
    const end = this.at + length;
    if (end > this.bytes.length) throw new MalformedBytes("ends too early");
    return end;
  }
}
