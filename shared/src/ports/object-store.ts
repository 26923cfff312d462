export interface StoredObject {
  readonly bucket: string;
  readonly name: string;
  /** Pins this exact content. */
  readonly generation: string;
}

export interface ListedObject {
  readonly name: string;
  readonly size: number;
}

/** Both ends belong to it. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ObjectReader {
  /**
   * The content, or one range of it, as it arrives; null when there is no such object. Aborting `signal` ends the
   * transfer and fails the iteration. Nothing is tried twice: whoever asks is waited for.
   */
  stream(
    bucket: string,
    name: string,
    range: ByteRange | null,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array> | null>;
}

export interface ObjectStore extends ObjectReader {
  /** Stores the stream; an object of that name is kept as it is (names carry the content's identity). */
  put(bucket: string, name: string, content: ReadableStream<Uint8Array>): Promise<StoredObject>;
  find(bucket: string, name: string): Promise<StoredObject | null>;
  /** The whole content; null when there is no such object. More than `maxBytes` throws `body-too-large`. */
  read(bucket: string, name: string, maxBytes: number): Promise<Uint8Array | null>;
  /** Every object whose name begins with `prefix`. */
  list(bucket: string, prefix: string): Promise<readonly ListedObject[]>;
  /** Nothing there is fine. */
  remove(bucket: string, name: string): Promise<void>;
}
