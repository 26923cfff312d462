/** Replica documents as the store hands them out: of a healthy replica, unless a test says otherwise. */
import type { Replica } from "@bifrost/shared/domain/replica";
import type { ReplicaReport } from "../replica-report.ts";

type Note = Omit<Replica, "at" | "receivedAt" | "expireAt"> &
  Pick<ReplicaReport, "receivedAt" | "expireAt"> & { readonly at: Date };

const SILENCE_MS = 15_000;

/** Heard at `now`. */
export function replicaNote(pod: string, now: number, changes: Partial<Note> = {}): Note {
  return {
    pod,
    boot: 1,
    healthy: true,
    proven: true,
    verdictMs: 0,
    consecutivePasses: 2,
    lastResult: "ok",
    lastStatus: 200,
    lastBody: null,
    connectMs: 1,
    latencyMs: 1,
    cpuMillicores: null,
    memoryBytes: null,
    descriptors: null,
    threads: null,
    restarts: 0,
    at: new Date(now),
    seq: 1,
    receivedAt: new Date(now),
    expireAt: new Date(now + SILENCE_MS),
    ...changes,
  };
}
