/** The bytes of a client that nobody has taken yet, and the search for the end of a head among them. */
import { MAX_HEAD_BYTES, type HeadError } from "./parse-head.ts";

/** So much is decoded at once: cheaper than a search among bytes and decoding what it finds. */
const SMALL_BYTES = 2048;

const HEAD_END = Buffer.from("\r\n\r\n");
/** Kept while they cannot be taken; more stay in the kernel. */
const MAX_HELD_BYTES = 64 * 1024;

const TOO_LARGE: HeadError = {
  status: 431,
  problem: `The head is larger than ${MAX_HEAD_BYTES} bytes.`,
};

export class RequestBuffer {
  private held: Buffer | null = null;
  /** Whether what is held belongs to someone else, until \`keep\`. */
  private isLent = false;
  /** Where the search goes on. */
  private searched = 0;

  get isEmpty(): boolean {
    return this.held === null;
  }

  get isFull(): boolean {
    return this.held !== null && this.held.length > MAX_HELD_BYTES;
  }

  /** \`data\` is lent until \`keep\` is called. */
  push(data: Buffer): void {
    this.isLent = this.held === null;
    this.held = this.held === null ? data : Buffer.concat([this.held, data]);
  }

  /** Copies what is left of lent bytes. */
  keep(): void {
    if (this.isLent && this.held !== null) this.held = Buffer.from(this.held);
    this.isLent = false;
  }

  clear(): void {
    this.held = null;
    this.searched = 0;
  }

  /** Offers all to `take`, which answers how many bytes it took. */
  offer(take: (data: Buffer) => number): void {
    // Who takes them may need them longer.
    this.keep();
    const data = this.held ?? Buffer.alloc(0);
    this.held = null;
    const taken = take(data);
    if (taken < data.length) this.held = data.subarray(taken);
  }

  /** The next head as latin1, with its empty line; null = not all of it is here yet. */
  takeHead(): string | HeadError | null {
    const { held } = this;
    if (held === null) return null;
    if (this.searched === 0 && held.length <= SMALL_BYTES) {
      const text = held.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) return this.taken(held, end + HEAD_END.length, text);
    }
    const end = held.indexOf(HEAD_END, this.searched);
    if (end > MAX_HEAD_BYTES || (end < 0 && held.length > MAX_HEAD_BYTES)) return TOO_LARGE;
    if (end < 0) {
      this.searched = Math.max(0, held.length - 3);
      return null;
    }
    return this.taken(held, end + HEAD_END.length, null);
  }

  private taken(held: Buffer, length: number, text: string | null): string {
    this.searched = 0;
    this.held = length < held.length ? held.subarray(length) : null;
    return text === null ? held.toString("latin1", 0, length) : text.slice(0, length);
  }
}
