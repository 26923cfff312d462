/** Replica documents, written as the collector's own principal and so bound by the security rules. */
import { BifrostError } from "../domain/errors.ts";
import type { Replica } from "../domain/replica.ts";
import type { ReplicaStore, ReplicaVersion, StoredReplica } from "../ports/replica-store.ts";
import { type FirestoreRest, isOvertaken } from "./firestore-rest.ts";

export class FirestoreReplicaStore implements ReplicaStore {
  readonly #firestore: Pick<FirestoreRest, "commit" | "get">;

  constructor(firestore: Pick<FirestoreRest, "commit" | "get">) {
    this.#firestore = firestore;
  }

  async read(deploymentId: string, pod: string): Promise<StoredReplica | null> {
    const found = await this.#firestore.get(pathOf(deploymentId, pod));
    if (found === null) return null;
    const { boot, seq, receivedAt } = found.fields;
    // What is not a sample is older than any.
    return {
      boot: typeof boot === "number" ? boot : -1,
      seq: typeof seq === "number" ? seq : -1,
      receivedAt: receivedAt instanceof Date ? receivedAt.getTime() : 0,
      version: found.updateTime,
    };
  }

  async put(
    deploymentId: string,
    replica: Replica,
    expected: ReplicaVersion | null,
  ): Promise<ReplicaVersion> {
    const { at, receivedAt, expireAt } = replica;
    const fields = {
      ...replica,
      at: new Date(at),
      receivedAt: new Date(receivedAt),
      expireAt: new Date(expireAt),
    };
    const must = expected === null ? { exists: false } : { updateTime: expected };
    const write = { set: pathOf(deploymentId, replica.pod), fields, must };
    try {
      const { updateTimes } = await this.#firestore.commit([write]);
      const version = updateTimes[0];
      if (typeof version === "string") return version;
      throw new BifrostError("upstream-refused", "Firestore did not tell when it stored a replica");
    } catch (error) {
      throw isOvertaken(error) ? conflict(replica.pod, error) : error;
    }
  }

  async remove(deploymentId: string, pod: string, expected: ReplicaVersion): Promise<void> {
    const must = { updateTime: expected };
    try {
      await this.#firestore.commit([{ delete: pathOf(deploymentId, pod), must }]);
    } catch (error) {
      if (!isOvertaken(error)) throw error;
    }
  }
}

function conflict(pod: string, cause: unknown): BifrostError {
  const message = `Another collector wrote the replica ${pod} meanwhile; read it again`;
  return new BifrostError("write-conflict", message, { pod }, { cause });
}

function pathOf(deploymentId: string, pod: string): string {
  return `deployments/${deploymentId}/replicas/${pod}`;
}
