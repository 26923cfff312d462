/** Encoded samples that wait for the collector: bounded, the oldest go first, never those on the wire. */
import { Bytes } from "../wire/bytes.ts";

/** Some fifteen samples as JSON, six of the longest there can be. */
const MAX_BYTES: i32 = 8192;
const MAX_ENTRIES: i32 = 96;
/** The rest is free for what comes meanwhile. */
const MAX_IN_FLIGHT: i32 = 4096;

export class Queue {
  /** All entries one after another. */
  readonly bytes: Bytes = new Bytes(MAX_BYTES);
  count: i32 = 0;
  /** The first so many entries are on the wire, and their bytes. */
  inFlight: i32 = 0;
  inFlightBytes: i32 = 0;
  /** Samples given up since the start. */
  dropped: f64 = 0;
  private readonly lengths: Int32Array = new Int32Array(MAX_ENTRIES);
  private readonly seqs: Float64Array = new Float64Array(MAX_ENTRIES);

  add(entry: Bytes, seq: f64): void {
    while (this.bytes.room() < entry.length || this.count === MAX_ENTRIES) {
      if (this.inFlight === this.count) {
        this.dropped = this.dropped + 1;
        return;
      }
      this.dropped = this.dropped + 1;
      this.remove(this.inFlight, this.inFlightBytes, 1);
    }
    this.bytes.append(entry);
    this.lengths[this.count] = entry.length;
    this.seqs[this.count] = seq;
    this.count = this.count + 1;
  }

  /** As many further entries as may be in flight at once. */
  take(): void {
    while (this.inFlight < this.count) {
      const length = this.lengths[this.inFlight] as i32;
      if (this.inFlightBytes + length > MAX_IN_FLIGHT) return;
      this.inFlight = this.inFlight + 1;
      this.inFlightBytes = this.inFlightBytes + length;
    }
  }

  /** The entries in flight up to `seq` arrived; whether there were any. */
  delivered(seq: f64): bool {
    let count: i32 = 0;
    while (count < this.inFlight && (this.seqs[count] as f64) <= seq) count++;
    for (let i: i32 = 0; i < count; i++)
      this.inFlightBytes = this.inFlightBytes - (this.lengths[i] as i32);
    this.inFlight = this.inFlight - count;
    this.remove(0, 0, count);
    return count > 0;
  }

  /** The entries in flight may not have arrived and are sent again. */
  putBack(): void {
    this.inFlight = 0;
    this.inFlightBytes = 0;
  }

  /** The collector will never take the entries in flight. */
  refused(): void {
    this.dropped = this.dropped + (this.inFlight as f64);
    this.delivered(Infinity);
  }

  private remove(index: i32, from: i32, count: i32): void {
    let bytes: i32 = 0;
    for (let i: i32 = index; i < index + count; i++) bytes = bytes + (this.lengths[i] as i32);
    this.bytes.remove(from, bytes);
    this.lengths.copyWithin(index, index + count, this.count);
    this.seqs.copyWithin(index, index + count, this.count);
    this.count = this.count - count;
  }
}
