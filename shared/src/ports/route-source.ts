import type { RouteTable } from "../domain/route.ts";

/** Where the gateway learns which host serves which release. */
export interface RouteSource {
  /**
   * Calls `listener` with the complete table once it is known and again after every change. Survives broken
   * connections by itself: the last table stays valid until a newer one arrives. Answers the function that stops it.
   */
  watch(listener: (table: RouteTable) => void): () => void;
}
