/** Cuts a stream into records: two bytes of length, then that many bytes. A length is never allocated, only awaited. */

const LENGTH_BYTES = 2;
/** What two bytes can say. */
export const MAX_RECORD_BYTES = 65_535;

export class RecordSplitter {
  #parts: Buffer[] = [];
  #held = 0;

  get heldBytes(): number {
    return this.#held;
  }

  push(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#held += chunk.length;
  }

  /** The next record; null = not complete yet. One that says it is longer than `limit` is not waited for. */
  next(limit: number = MAX_RECORD_BYTES): Buffer | "too-large" | null {
    if (this.#held < LENGTH_BYTES) return null;
    const length = this.#front(LENGTH_BYTES).readUInt16BE(0);
    if (length > limit) return "too-large";
    return this.take(LENGTH_BYTES + length)?.subarray(LENGTH_BYTES) ?? null;
  }

  /** Exactly `bytes` bytes that are not a record, such as a greeting; null = not there yet. */
  take(bytes: number): Buffer | null {
    if (this.#held < bytes) return null;
    const front = this.#front(bytes);
    this.#held -= bytes;
    if (front.length === bytes) this.#parts.shift();
    else this.#parts[0] = front.subarray(bytes);
    return front.subarray(0, bytes);
  }

  /** The first part, made at least `bytes` long. Called only when so much is there: each byte is joined at most twice. */
  #front(bytes: number): Buffer {
    const [first] = this.#parts;
    if (first !== undefined && first.length >= bytes) return first;
    const joined = Buffer.concat(this.#parts);
    this.#parts = [joined];
    return joined;
  }
}
