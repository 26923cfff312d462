/**
 * Messages over one stream, each cut into sealed records of at most 32 KiB that follow one another:
 *
 *     kind 1 (high bit: more of this message follows) | number 4 | part of the body
 */
import type { Refusal, TransportCount } from "../transport-count.ts";
import type { RecordSeal } from "./record-seal.ts";
import { MAX_RECORD_BYTES, type RecordSplitter } from "./record-splitter.ts";

export const MESSAGE = {
  /** The first of the one who called; its body is the address that others reach it by. */
  intro: 1,
  /** The first of the one who was called. */
  ready: 2,
  request: 3,
  answer: 4,
  /** There is no answer to this request. */
  failed: 5,
  /** One that did not get through as a datagram. */
  packet: 6,
  ping: 7,
  pong: 8,
} as const;

export type MessageKind = (typeof MESSAGE)[keyof typeof MESSAGE];

const MORE = 0x80;
const HEADER_BYTES = 5;
const PART_BYTES = 32 * 1024;
/** A part that is not the last one counts as so many, or a message in parts of one byte each would cost a hundred times its size. */
const LEAST_PART_BYTES = 1024;
/** Of a message that is neither request nor answer. */
const SMALL_BYTES = 2048;
/** What the other end may leave unread before it is given up. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
const KINDS: ReadonlySet<number> = new Set(Object.values(MESSAGE));

/** The part of a socket that is used. */
export interface ByteSink {
  readonly writableLength: number;
  readonly writable: boolean;
  write(bytes: Buffer): unknown;
}

export interface MessageStreamParts {
  readonly sink: ByteSink;
  readonly records: RecordSeal;
  readonly splitter: RecordSplitter;
  readonly count: TransportCount;
  /** Of a request and of an answer. */
  readonly maxBodyBytes: number;
  onMessage(kind: MessageKind, id: number, body: Buffer): void;
}

export class MessageStream {
  readonly #parts: MessageStreamParts;
  /** Of the message that is coming in. */
  #body: Buffer[] = [];
  #bodyBytes = 0;
  #pending: number | null = null;
  #isFirst = true;

  constructor(parts: MessageStreamParts) {
    this.#parts = parts;
  }

  /** false = the other end does not read; the stream is of no use any more. */
  send(kind: MessageKind, id: number, body: Uint8Array): boolean {
    const { sink } = this.#parts;
    if (!sink.writable || sink.writableLength > MAX_UNREAD_BYTES) return false;
    for (let at = 0; at === 0 || at < body.length; at += PART_BYTES) {
      const part = body.subarray(at, at + PART_BYTES);
      const record = Buffer.allocUnsafe(HEADER_BYTES + part.length);
      record[0] = at + PART_BYTES < body.length ? kind | MORE : kind;
      record.writeUInt32BE(id, 1);
      record.set(part, HEADER_BYTES);
      this.#write(this.#parts.records.seal(record));
    }
    return true;
  }

  /** Reads what the splitter has. A reason = the other end does not speak this protocol, or not for us. */
  read(): Refusal | null {
    const { splitter, records } = this.#parts;
    for (;;) {
      const sealed = splitter.next(this.#isFirst ? SMALL_BYTES : MAX_RECORD_BYTES);
      if (sealed === null) return null;
      if (sealed === "too-large") return "too-large";
      const record = records.open(sealed);
      if (record === null) return "not-opened";
      this.#isFirst = false;
      const problem = this.#take(record);
      if (problem !== null) return problem;
    }
  }

  #write(sealed: Buffer): void {
    const { sink, count } = this.#parts;
    const framed = Buffer.allocUnsafe(2 + sealed.length);
    framed.writeUInt16BE(sealed.length, 0);
    framed.set(sealed, 2);
    count.streamBytesSent += framed.length;
    sink.write(framed);
  }

  #take(record: Buffer): Refusal | null {
    if (record.length < HEADER_BYTES) return "broken-stream";
    const first = record.readUInt8(0);
    const kind = first & ~MORE;
    const id = record.readUInt32BE(1);
    const part = record.subarray(HEADER_BYTES);
    const isLast = (first & MORE) === 0;
    if (!isKind(kind) || (this.#pending !== null && this.#pending !== kind)) return "broken-stream";
    if (part.length > 0) this.#body.push(part);
    this.#bodyBytes += isLast ? part.length : Math.max(part.length, LEAST_PART_BYTES);
    if (this.#bodyBytes > this.#limit(kind)) return "too-large";
    if (!isLast) {
      this.#pending = kind;
      // Parts that add nothing could go on for ever.
      return part.length === 0 ? "broken-stream" : null;
    }
    const body = this.#body.length === 1 ? part : Buffer.concat(this.#body);
    this.#body = [];
    this.#bodyBytes = 0;
    this.#pending = null;
    this.#parts.onMessage(kind, id, body);
    return null;
  }

  #limit(kind: MessageKind): number {
    const isLong = kind === MESSAGE.request || kind === MESSAGE.answer;
    return isLong ? this.#parts.maxBodyBytes : SMALL_BYTES;
  }
}

function isKind(kind: number): kind is MessageKind {
  return KINDS.has(kind);
}
