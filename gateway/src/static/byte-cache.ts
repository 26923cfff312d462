/** What was used last, as much of it as fits into so many bytes. */
export class ByteCache<T> {
  private readonly maxBytes: number;
  private readonly entries = new Map<string, { readonly value: T; readonly bytes: number }>();
  private held = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.held;
  }

  get(key: string): T | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    // Last in the map = used last.
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  /** What alone is larger than everything that may be kept is not kept. */
  set(key: string, value: T, bytes: number): void {
    this.drop(key);
    if (bytes > this.maxBytes) return;
    this.entries.set(key, { value, bytes });
    this.held += bytes;
    for (const oldest of this.entries.keys()) {
      if (this.held <= this.maxBytes) return;
      this.drop(oldest);
    }
  }

  private drop(key: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    this.entries.delete(key);
    this.held -= entry.bytes;
  }
}
