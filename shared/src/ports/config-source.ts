import type { ConfigKind, ConfigSnapshot } from "../domain/config-document.ts";

/** Where configuration comes from; each store has the kinds it knows. */
export interface ConfigSource<Kind extends ConfigKind = ConfigKind> {
  /**
   * Calls `listener` with all there is once it is known and again after every change. Survives broken connections by
   * itself: what was told last stays valid until something newer arrives. Answers the function that stops it.
   */
  watch(kind: Kind, listener: (snapshot: ConfigSnapshot) => void): () => void;
}
