/** One replica that can take traffic. */
export interface Backend {
  /** `ip:port`. */
  readonly address: string;
  /** Name of its pod, which its sidecar's samples carry too; "" when unknown. */
  readonly replica: string;
  /** Where it runs, as cloud regions are called; absent when unknown. */
  readonly region?: string;
  /** Name of the machine it runs on; absent when unknown. */
  readonly host?: string;
}

/** A static site has files in Cloud Storage in place of replicas. */
export interface PublishedFiles {
  /** Name of its manifest in the bucket of all sites. */
  readonly manifest: string;
  /** A probe of the platform's own carries it; policies do not see such a request. */
  readonly probeToken: string;
}

export interface ReleaseBackends {
  /** "" when unknown. */
  readonly projectId: string;
  readonly ready: readonly Backend[];
  /** What each replica may use; absent when unknown. */
  readonly memoryLimitBytes?: number;
  /** Of a static site only. */
  readonly files?: PublishedFiles;
}

/** By deployment id; a deployment that has neither ready replicas nor files is absent. */
export type BackendTable = ReadonlyMap<string, ReleaseBackends>;

/** Where the gateway learns what can answer for a deployment. */
export interface BackendSource {
  /**
   * Calls `listener` with the complete table once it is known and again after every change. Survives broken
   * connections by itself: the last table stays valid until a newer one arrives. Answers the function that stops it.
   */
  watch(listener: (table: BackendTable) => void): () => void;
}
