/** The first readable characters of a response's body, to tell a person why a probe failed. */
import { Bytes, LF, isBlank, isVisible } from "../wire/bytes.ts";

const MAX_CHARACTERS: i32 = 160;
/** No chunk of interest is larger. */
const MAX_CHUNK: i32 = 1 << 24;

export class Excerpt {
  /** Printable ASCII, blanks collapsed. */
  readonly text: Bytes = new Bytes(MAX_CHARACTERS);
  private isAfterBlank: bool = false;
  private isChunked: bool = false;
  /** Bytes left of the body, or of the current chunk. */
  private left: f64 = 0;
  private chunkSize: i32 = -1;
  private isInExtension: bool = false;
  private isOver: bool = false;

  /** `length` < 0 = until the connection ends. */
  reset(isChunked: bool, length: f64): void {
    this.text.clear();
    this.isAfterBlank = false;
    this.isChunked = isChunked;
    this.left = isChunked ? 0 : length;
    this.chunkSize = -1;
    this.isInExtension = false;
    this.isOver = !isChunked && length === 0;
  }

  isComplete(): bool {
    return this.isOver || this.text.room() === 0;
  }

  feed(byte: i32): void {
    if (this.isChunked && this.left === 0) return this.feedChunkSize(byte);
    this.left = this.left - 1;
    if (this.left === 0 && !this.isChunked) this.isOver = true;
    this.add(byte);
  }

  /** The line before a chunk: its size in hexadecimal; the line end after a chunk has none. */
  private feedChunkSize(byte: i32): void {
    const digit = hexadecimal(byte);
    if (byte === LF) {
      if (this.chunkSize === 0) this.isOver = true;
      if (this.chunkSize > 0) this.left = this.chunkSize as f64;
      this.chunkSize = -1;
      this.isInExtension = false;
    } else if (digit < 0) this.isInExtension = true;
    else if (!this.isInExtension && this.chunkSize < MAX_CHUNK) {
      this.chunkSize = (this.chunkSize < 0 ? 0 : this.chunkSize << 4) + digit;
    }
  }

  private add(byte: i32): void {
    if (isBlank(byte)) this.isAfterBlank = this.text.length > 0;
    if (!isVisible(byte)) return;
    if (this.isAfterBlank) this.text.text(" ");
    this.isAfterBlank = false;
    this.text.byte(byte);
  }
}

function hexadecimal(byte: i32): i32 {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
