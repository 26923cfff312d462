/**
 * Header fields of HTTP/2 (HPACK, RFC 7541) as far as one call needs them: ours are written as literals, and of the
 * collector's only the two that say how the call ended are read. No table is kept: our SETTINGS forbid one.
 */
import { Bytes, bytesOf } from "../../wire/bytes.ts";

/** Indices of the static table. */
export const AUTHORITY: i32 = 1;
export const METHOD_POST: i32 = 3;
export const PATH: i32 = 4;
export const SCHEME_HTTP: i32 = 6;
export const SCHEME_HTTPS: i32 = 7;
const FIRST_STATUS: i32 = 8;
const LAST_STATUS: i32 = 14;
const STATUSES = bytesOf("200 204 206 304 400 404 500");
export const AUTHORIZATION: i32 = 23;
export const CONTENT_TYPE: i32 = 31;

const INDEXED: i32 = 128;
const INCREMENTAL: i32 = 64;
const TABLE_SIZE: i32 = 32;
const NEVER_INDEXED: i32 = 16;
const HUFFMAN: i32 = 128;

const GRPC_STATUS = "grpc-status";
/** The same in the Huffman code of RFC 7541. */
const GRPC_STATUS_CODED = "\x9a\xca\xc8\xb2\x12\x34\xda\x8f";

export function writeIndexed(out: Bytes, index: i32): void {
  out.byte(INDEXED | index);
}

/** A field whose name is in the static table; no one on the way may keep it in a table. */
export function writeLiteral(out: Bytes, nameIndex: i32, value: Bytes): void {
  writeInteger(out, NEVER_INDEXED, 15, nameIndex);
  writeString(out, value);
}

export function writeNamed(out: Bytes, name: Bytes, value: Bytes): void {
  out.byte(NEVER_INDEXED);
  writeString(out, name);
  writeString(out, value);
}

function writeString(out: Bytes, value: Bytes): void {
  writeInteger(out, 0, 127, value.length);
  out.append(value);
}

/** `most` is the largest number that fits beside `flags` in the first byte, and then says that more follow. */
function writeInteger(out: Bytes, flags: i32, most: i32, value: i32): void {
  if (value < most) {
    out.byte(flags | value);
    return;
  }
  out.byte(flags | most);
  let rest = value - most;
  for (; rest >= 128; rest = rest >> 7) out.byte(rest | 128);
  out.byte(rest);
}

/** What a block of the collector's header fields says of the call. */
export class CallStatus {
  /** HTTP's; 0 = not told. */
  http: i32 = 0;
  /** gRPC's; -1 = not told. */
  grpc: i32 = -1;
  private block: Bytes = new Bytes(0);
  /** -1 = the block is malformed or cut off: what was read up to there counts. */
  private at: i32 = 0;

  read(block: Bytes): void {
    this.http = 0;
    this.grpc = -1;
    this.block = block;
    this.at = 0;
    while (this.hasMore()) this.readField(block.at(this.at));
  }

  private hasMore(): bool {
    return this.at >= 0 && this.at < this.block.length;
  }

  private readField(first: i32): void {
    if (first >= INDEXED) this.readIndexed(this.integer(127));
    else if (first >= INCREMENTAL) this.readLiteral(this.integer(63));
    else if (first >= TABLE_SIZE) this.integer(31);
    else this.readLiteral(this.integer(15));
  }

  private readIndexed(index: i32): void {
    if (index < FIRST_STATUS || index > LAST_STATUS) return;
    this.http = STATUSES.numberAt((index - FIRST_STATUS) * 4) as i32;
  }

  private readLiteral(nameIndex: i32): void {
    const isStatus = nameIndex >= FIRST_STATUS && nameIndex <= LAST_STATUS;
    const isGrpc = nameIndex === 0 && this.readName();
    if (!this.hasMore()) {
      this.at = -1;
      return;
    }
    const isCoded = this.block.at(this.at) >= HUFFMAN;
    const length = this.integer(127);
    const from = this.at;
    this.skip(length);
    if (this.at < 0 || !(isStatus || isGrpc)) return;
    const value = isCoded ? this.codedDigits(from, this.at) : this.digits(from, this.at);
    if (isStatus) this.http = value;
    else this.grpc = value;
  }

  /** Whether the name is gRPC's status. */
  private readName(): bool {
    if (!this.hasMore()) return false;
    const isCoded = this.block.at(this.at) >= HUFFMAN;
    const length = this.integer(127);
    const from = this.at;
    this.skip(length);
    const name = isCoded ? GRPC_STATUS_CODED : GRPC_STATUS;
    return this.at >= 0 && length === name.length && this.block.isAt(from, name);
  }

  /** At most three, as both statuses have; -1 = something else. */
  private digits(from: i32, to: i32): i32 {
    if (to - from > 3 || this.block.digitsEnd(from) < to) return -1;
    let value: i32 = 0;
    for (let i = from; i < to; i++) value = value * 10 + this.block.at(i) - 48;
    return value;
  }

  /** In the Huffman code 0 to 2 have five bits and their own value, 3 to 9 have six from 25 on. */
  private codedDigits(from: i32, to: i32): i32 {
    let value: i32 = 0;
    let bits: i32 = 0;
    let count: i32 = 0;
    if (to - from > 3) return -1;
    for (let i = from; i < to; i++) {
      bits = (bits << 8) | this.block.at(i);
      count = count + 8;
      while (count >= 6 || (count === 5 && bits <= 2)) {
        const five = bits >> (count - 5);
        const digit = five <= 2 ? five : (bits >> (count - 6)) - 22;
        if (digit < 0 || digit > 9) return isPadding(bits, count) ? value : -1;
        count = count - (five <= 2 ? 5 : 6);
        bits = bits & ((1 << count) - 1);
        value = value * 10 + digit;
      }
    }
    return isPadding(bits, count) ? value : -1;
  }

  private skip(count: i32): void {
    const isWithin = this.at >= 0 && count <= this.block.length - this.at;
    this.at = isWithin ? this.at + count : -1;
  }

  /** A number whose first byte has room for up to `most`. */
  private integer(most: i32): i32 {
    let value = this.block.at(this.at) & most;
    this.at = this.at + 1;
    if (value < most) return value;
    for (let shift: i32 = 0; shift <= 14; shift = shift + 7) {
      if (!this.hasMore()) break;
      const byte = this.block.at(this.at);
      this.at = this.at + 1;
      value = value + ((byte & 127) << shift);
      if (byte < 128) return value;
    }
    this.at = -1;
    return 0;
  }
}

/** A Huffman-coded text is filled up with ones to a whole byte. */
function isPadding(bits: i32, count: i32): bool {
  return count < 8 && bits === (1 << count) - 1;
}
