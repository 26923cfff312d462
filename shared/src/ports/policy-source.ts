import type { Policy, PolicyVersion } from "../domain/policy.ts";

/** A version that waits for its check. */
export interface PendingVersion {
  readonly policy: string;
  readonly version: PolicyVersion;
}

/** All there is at one moment. */
export interface PolicyPicture {
  readonly policies: ReadonlyMap<string, Policy>;
  readonly pending: readonly PendingVersion[];
}

export interface PolicySource {
  /** Tells the first picture and every new one, and again now and then although nothing changed; answers how to stop. */
  watch(listener: (picture: PolicyPicture) => void): () => void;
}
