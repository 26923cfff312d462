export interface StoredObject {
  readonly bucket: string;
  readonly name: string;
  /** Pins this exact content. */
  readonly generation: string;
}

export interface ObjectStore {
  /** Stores the stream; an object of that name is kept as it is (names carry the content's identity). */
  put(bucket: string, name: string, content: ReadableStream<Uint8Array>): Promise<StoredObject>;
  find(bucket: string, name: string): Promise<StoredObject | null>;
  /** The whole content; null when there is no such object. More than `maxBytes` throws `body-too-large`. */
  read(bucket: string, name: string, maxBytes: number): Promise<Uint8Array | null>;
}
