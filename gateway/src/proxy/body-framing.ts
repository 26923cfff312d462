/** Where a message body ends: at once, after so many bytes, after its last chunk, or when the connection closes. */
import { ChunkedScanner, type PayloadSink } from "./chunked.ts";
import type { RequestHead } from "./parse-head.ts";

export interface BodyFraming {
  /**
   * Reads on from `from`; answers the index after the body, or -1 when it goes on. Throws ChunkedError.
   * `sink`, used by chunked bodies only, gets the decoded payload.
   */
  feed(buffer: Buffer, from: number, sink?: PayloadSink): number;
  readonly isDone: boolean;
  readonly isChunked?: boolean;
}

export const NO_BODY: BodyFraming = { isDone: true, feed: (_buffer, from) => from };
const UNTIL_CLOSE: BodyFraming = { isDone: false, feed: () => -1 };

export function untilClose(): BodyFraming {
  return UNTIL_CLOSE;
}

export function ofLength(length: number): BodyFraming {
  return length === 0 ? NO_BODY : new CountedBody(length);
}

export function chunked(maxPayload = Infinity): BodyFraming {
  return new ChunkedBody(maxPayload);
}

/** A body up to this size is read to its end when nobody wants it any more: cheaper than a new connection. */
const MAX_UNREAD_BYTES = 64 * 1024;

/** The body of a request that was answered without it; null = it may be too large, or never come. */
export function unreadBody(
  head: Pick<RequestHead, "isChunked" | "contentLength" | "expectsContinue">,
): BodyFraming | null {
  if (head.expectsContinue) return null;
  if (head.isChunked) return chunked(MAX_UNREAD_BYTES);
  return head.contentLength > MAX_UNREAD_BYTES ? null : ofLength(head.contentLength);
}

// Classes: an object literal with a getter gets a hidden class of its own each time, which fills the old generation.

class CountedBody implements BodyFraming {
  private left: number;

  constructor(length: number) {
    this.left = length;
  }

  get isDone(): boolean {
    return this.left === 0;
  }

  feed(buffer: Buffer, from: number): number {
    const taken = Math.min(this.left, buffer.length - from);
    this.left -= taken;
    return this.left === 0 ? from + taken : -1;
  }
}

class ChunkedBody implements BodyFraming {
  readonly isChunked = true;
  isDone = false;
  private readonly scanner: ChunkedScanner;

  constructor(maxPayload: number) {
    this.scanner = new ChunkedScanner(maxPayload);
  }

  feed(buffer: Buffer, from: number, sink?: PayloadSink): number {
    const end = this.scanner.feed(buffer, from, sink);
    this.isDone = end >= 0;
    return end;
  }
}
