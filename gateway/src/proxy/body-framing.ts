/** Where a message body ends: at once, after so many bytes, after its last chunk, or when the connection closes. */
import { ChunkedScanner, type PayloadSink } from "./chunked.ts";
import type { RequestHead } from "./parse-head.ts";

export interface BodyFraming {
  /**
   * Reads on from `from`; answers the index after the body, or -1 when it goes on. Throws ChunkedError and, when a
   * chunked body gets larger than it may be, PayloadTooLarge.
   * `sink`, used by chunked bodies only, gets the decoded payload.
   */
  feed(buffer: Buffer, from: number, sink?: PayloadSink): number;
  readonly isDone: boolean;
  readonly isChunked?: boolean;
}

export const NO_BODY: BodyFraming = { isDone: true, feed: (_buffer, from) => from };

export function untilClose(): BodyFraming {
  return { isDone: false, feed: () => -1 };
}

export function ofLength(length: number): BodyFraming {
  if (length === 0) return NO_BODY;
  let left = length;
  return {
    get isDone() {
      return left === 0;
    },
    feed(buffer, from) {
      const taken = Math.min(left, buffer.length - from);
      left -= taken;
      return left === 0 ? from + taken : -1;
    },
  };
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

export function chunked(maxPayload = Infinity): BodyFraming {
  const scanner = new ChunkedScanner(maxPayload);
  let isDone = false;
  return {
    isChunked: true,
    get isDone() {
      return isDone;
    },
    feed(buffer, from, sink) {
      const end = scanner.feed(buffer, from, sink);
      isDone = end >= 0;
      return end;
    },
  };
}
