/** What the store's process tells the benchmark that started it. */
export interface StoreReady {
  readonly port: number;
  readonly ownerToken: string;
  /** ID token of each principal that owns a move. */
  readonly tokens: Readonly<Record<string, string>>;
}

export interface StoreFacts {
  readonly syncs: number;
  readonly deniedWrites: number;
  readonly ruleCheckedWrites: number;
}

/** What one start of a store with many documents came to. */
export interface SizedStoreFacts {
  readonly startMs: number;
  /** Of one document, after everything that can be collected was. */
  readonly heapBytes: number;
  readonly residentBytes: number;
}
