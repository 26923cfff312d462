/** A replica store in memory that can be away or hang; several collectors may share it. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Replica } from "@bifrost/shared/domain/replica";
import type { ReplicaStore, StoredReplica } from "@bifrost/shared/ports/replica-store";

export class MemoryReplicas implements ReplicaStore {
  /** Every write that succeeded, in order. */
  readonly puts: Replica[] = [];
  readonly removed: string[] = [];
  /** Calls that were begun and did not end, and the most of them at any time. */
  open = 0;
  mostOpen = 0;
  fails = false;
  private hanging: (() => void)[] | null = null;
  private readonly documents = new Map<
    string,
    { readonly replica: Replica; readonly version: string }
  >();
  private versions = 0;

  hang(): void {
    this.hanging ??= [];
  }

  /** Whatever hangs goes on. */
  resume(): void {
    for (const goOn of this.hanging ?? []) goOn();
    this.hanging = null;
  }

  get(deploymentId: string, pod: string): Replica | null {
    return this.documents.get(`${deploymentId}/${pod}`)?.replica ?? null;
  }

  read(deploymentId: string, pod: string): Promise<StoredReplica | null> {
    return this.#call(() => {
      const found = this.documents.get(`${deploymentId}/${pod}`);
      if (found === undefined) return null;
      const { boot, seq, receivedAt } = found.replica;
      return { boot, seq, receivedAt, version: found.version };
    });
  }

  put(deploymentId: string, replica: Replica, expected: string | null): Promise<string> {
    return this.#call(() => {
      const key = `${deploymentId}/${replica.pod}`;
      if ((this.documents.get(key)?.version ?? null) !== expected) {
        throw new BifrostError("write-conflict", "it is another version");
      }
      const version = String(++this.versions);
      this.documents.set(key, { replica, version });
      this.puts.push(replica);
      return version;
    });
  }

  remove(deploymentId: string, pod: string, expected: string): Promise<void> {
    return this.#call(() => {
      const key = `${deploymentId}/${pod}`;
      if (this.documents.get(key)?.version !== expected) return;
      this.documents.delete(key);
      this.removed.push(pod);
    });
  }

  async #call<T>(act: () => T): Promise<T> {
    this.open++;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    try {
      const { hanging } = this;
      if (hanging !== null) await new Promise<void>((resolve) => hanging.push(resolve));
      // Nothing is answered before others had their turn.
      await Promise.resolve();
      if (this.fails) throw new BifrostError("upstream-unavailable", "away");
      return act();
    } finally {
      this.open--;
    }
  }
}
