/** The collector's side of the stream: messages `Ack` in gRPC's framing, taken byte by byte as they arrive. */
import { Bytes, MAX_NUMBER } from "../../wire/bytes.ts";
import { PREFIX } from "./protobuf.ts";

/** An Ack has eleven bytes; the rest is for fields to come. */
const MAX_ACK: i32 = 64;

const SEQ: f64 = 1;
const VARINT: i32 = 0;
const FIXED64: i32 = 1;
const LENGTH_DELIMITED: i32 = 2;
const FIXED32: i32 = 5;

export class Acks {
  /** Of the last message; -1 = it was no Ack. */
  seq: f64 = 0;
  private readonly message: Bytes = new Bytes(PREFIX + MAX_ACK);
  private at: i32 = 0;

  reset(): void {
    this.message.clear();
  }

  /** Whether a message is complete now, or cannot be one. */
  feed(byte: i32): bool {
    const message = this.message.byte(byte);
    if (message.length < PREFIX) return false;
    const length = (message.at(3) << 8) | message.at(4);
    const isAck = message.at(0) === 0 && message.at(1) === 0 && message.at(2) === 0;
    if (isAck && length <= MAX_ACK && message.length < PREFIX + length) return false;
    this.seq = isAck && length <= MAX_ACK ? this.readSeq() : -1;
    message.clear();
    return true;
  }

  private readSeq(): f64 {
    let seq: f64 = 0;
    this.at = PREFIX;
    while (this.at >= 0 && this.at < this.message.length) {
      const key = this.varint();
      const field = Math.floor(key / 8);
      const kind = (key - field * 8) as i32;
      if (kind === VARINT) {
        const value = this.varint();
        if (field === SEQ) seq = value;
      } else if (kind === LENGTH_DELIMITED) this.skip(this.varint());
      else if (kind === FIXED64) this.skip(8);
      else if (kind === FIXED32) this.skip(4);
      else this.at = -1;
    }
    return this.at < 0 ? -1 : seq;
  }

  private skip(count: f64): void {
    const isWithin = this.at >= 0 && count <= ((this.message.length - this.at) as f64);
    this.at = isWithin ? this.at + (count as i32) : -1;
  }

  private varint(): f64 {
    let value: f64 = 0;
    let unit: f64 = 1;
    while (this.at >= 0 && this.at < this.message.length) {
      const byte = this.message.at(this.at);
      this.at = this.at + 1;
      value = value + ((byte & 127) as f64) * unit;
      unit = unit * 128;
      if (byte < 128) return Math.min(value, MAX_NUMBER);
    }
    this.at = -1;
    return 0;
  }
}
