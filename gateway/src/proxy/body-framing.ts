/** Where a message body ends: at once, after so many bytes, after its last chunk, or when the connection closes. */
import { ChunkedScanner, type PayloadSink } from "./chunked.ts";

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

export function chunked(): BodyFraming {
  const scanner = new ChunkedScanner();
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
