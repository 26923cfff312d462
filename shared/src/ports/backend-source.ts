/** One replica that can take traffic. */
export interface Backend {
  /** `ip:port`. */
  readonly address: string;
  /** Name of its pod, which its sidecar's samples carry too; "" when unknown. */
  readonly replica: string;
}

export interface ReleaseBackends {
  /** "" when unknown. */
  readonly projectId: string;
  readonly ready: readonly Backend[];
}

/** By deployment id; a deployment without ready replicas is absent. */
export type BackendTable = ReadonlyMap<string, ReleaseBackends>;

/** Where the gateway learns which replicas of a deployment can take traffic. */
export interface BackendSource {
  /**
   * Calls `listener` with the complete table once it is known and again after every change. Survives broken
   * connections by itself: the last table stays valid until a newer one arrives. Answers the function that stops it.
   */
  watch(listener: (table: BackendTable) => void): () => void;
}
