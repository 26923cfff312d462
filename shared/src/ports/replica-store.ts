import type { Replica } from "../domain/replica.ts";

/** Names one write of one document; whoever holds the newest knows that nobody wrote since. */
export type ReplicaVersion = string;

/** What tells whether a stored sample is older than another. */
export interface StoredReplica extends Pick<Replica, "boot" | "seq" | "receivedAt"> {
  readonly version: ReplicaVersion;
}

/** Keeps the last sample of each replica of a deployment; several collectors write to it. */
export interface ReplicaStore {
  /** Null when nothing is stored for (deployment, pod). */
  read(deploymentId: string, pod: string): Promise<StoredReplica | null>;
  /**
   * Replaces what is stored for (deployment, pod) if that is still `expected`; null = nothing is stored.
   * Throws `write-conflict` when it is not, and otherwise when the store cannot be reached or refuses.
   */
  put(
    deploymentId: string,
    replica: Replica,
    expected: ReplicaVersion | null,
  ): Promise<ReplicaVersion>;
  /** Forgets a replica that is gone, if what is stored is still `expected`; otherwise leaves it as it is. */
  remove(deploymentId: string, pod: string, expected: ReplicaVersion): Promise<void>;
}
