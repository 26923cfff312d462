/** A snapshot listener on a whole collection that comes back when the client has given up on it. */
import type { Firestore, QuerySnapshot } from "@google-cloud/firestore";
import { messageOf } from "../domain/errors.ts";
import type { Timer, Timers } from "../domain/time.ts";
import type { Logger } from "../ports/logger.ts";

export interface FollowDeps {
  readonly firestore: Firestore;
  readonly timers: Timers;
  readonly log: Logger;
}

export interface Followed {
  readonly collection: string;
  readonly fields: readonly string[];
  readonly onSnapshot: (snapshot: QuerySnapshot) => void;
}

/** The client reconnects by itself; only errors it gives up on reach us, and are tried again after this. */
const RESUBSCRIBE_MS = 1000;

/** Answers the function that stops it. */
export function followCollection(deps: FollowDeps, followed: Followed): () => void {
  const { firestore, timers, log } = deps;
  const { collection, fields, onSnapshot } = followed;
  let stop: (() => void) | null = null;
  let retry: Timer | null = null;
  const subscribe = (): void => {
    stop = firestore
      .collection(collection)
      .select(...fields)
      .onSnapshot(onSnapshot, (error) => {
        log.warn("firestore listener ended", { collection, error: messageOf(error) });
        retry = timers.after(RESUBSCRIBE_MS, subscribe);
      });
  };
  subscribe();
  return () => {
    retry?.cancel();
    stop?.();
  };
}
