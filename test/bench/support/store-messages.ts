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
