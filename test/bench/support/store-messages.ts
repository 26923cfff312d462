/** What the store's process tells the benchmark that started it. */

/** The one person there is; a member of the one team, once `seedTeam` has run. */
export const PERSON = "bench";

export interface StoreReady {
  readonly port: number;
  readonly ownerToken: string;
  /** ID token of each principal that owns a move, and of the person. */
  readonly tokens: Readonly<Record<string, string>>;
}

export interface StoreFacts {
  readonly syncs: number;
  readonly deniedWrites: number;
  /** In use after a collection. */
  readonly memoryBytes: number;
}

/** What one start of a store with many documents came to. */
export interface SizedStoreFacts {
  readonly startMs: number;
  /** Of one document, after everything that can be collected was. */
  readonly heapBytes: number;
  readonly residentBytes: number;
}
