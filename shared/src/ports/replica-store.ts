import type { Replica } from "../domain/replica.ts";

/** Keeps the last sample of each replica of a deployment. */
export interface ReplicaStore {
  /** Replaces what is stored for (deployment, pod). Rejects when the store cannot be reached or refuses. */
  put(deploymentId: string, replica: Replica): Promise<void>;
  /** Forgets a replica that is gone; succeeds when there is none. */
  remove(deploymentId: string, pod: string): Promise<void>;
}
