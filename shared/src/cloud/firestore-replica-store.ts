/** Replica documents, written as the collector's own principal and so bound by the security rules. */
import type { Replica } from "../domain/replica.ts";
import type { ReplicaStore } from "../ports/replica-store.ts";
import type { FirestoreRest } from "./firestore-rest.ts";

export class FirestoreReplicaStore implements ReplicaStore {
  private readonly firestore: Pick<FirestoreRest, "commit">;

  constructor(firestore: Pick<FirestoreRest, "commit">) {
    this.firestore = firestore;
  }

  async put(deploymentId: string, replica: Replica): Promise<void> {
    const { at, receivedAt, expireAt } = replica;
    const fields = {
      ...replica,
      at: new Date(at),
      receivedAt: new Date(receivedAt),
      expireAt: new Date(expireAt),
    };
    await this.firestore.commit([{ set: pathOf(deploymentId, replica.pod), fields }]);
  }

  async remove(deploymentId: string, pod: string): Promise<void> {
    await this.firestore.commit([{ delete: pathOf(deploymentId, pod) }]);
  }
}

function pathOf(deploymentId: string, pod: string): string {
  return `deployments/${deploymentId}/replicas/${pod}`;
}
