/** Replica documents as the store hands them out: of a healthy replica, unless a test says otherwise. */
import type { Replica } from "@bifrost/shared/domain/replica";
import { newReplica } from "@bifrost/shared/testing/fixtures";
import type { ReplicaReport } from "../replica-report.ts";

type Note = Omit<Replica, "at" | "receivedAt" | "expireAt"> &
  Pick<ReplicaReport, "receivedAt" | "expireAt"> & { readonly at: Date };

const SILENCE_MS = 15_000;

/** Heard at `now`. */
export function replicaNote(pod: string, now: number, changes: Partial<Note> = {}): Note {
  const expireAt = new Date(now + SILENCE_MS);
  return {
    ...newReplica({ pod }),
    at: new Date(now),
    receivedAt: new Date(now),
    expireAt,
    ...changes,
  };
}
