/** A replica as its sidecar last described it: the document `deployments/{id}/replicas/{pod}`. */
import * as v from "valibot";

/** How the last probe ended; `none` before the first one. */
export const PROBE_RESULTS = ["none", "ok", "refused", "timeout", "status", "error"] as const;

/** A replica counts as healthy for a release after this many passes in a row. */
export const NEEDED_PASSES = 2;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const ReplicaSchema = v.object({
  pod: v.pipe(v.string(), v.minLength(1), v.maxLength(253)),
  healthy: v.boolean(),
  consecutivePasses: count,
  lastResult: v.picklist(PROBE_RESULTS),
  /** HTTP status of the last probe; null when no answer came. */
  lastStatus: v.nullable(count),
  latencyMs: count,
  /** Usage of the app's process tree; null when it could not be read. */
  cpuMillicores: v.nullable(count),
  memoryBytes: v.nullable(count),
  descriptors: v.nullable(count),
  threads: v.nullable(count),
  /** App processes seen by this sidecar beyond the first. */
  restarts: count,
  /** Milliseconds since the epoch, by the replica's clock; stored as a timestamp. */
  at: count,
  seq: count,
});

export type Replica = v.InferOutput<typeof ReplicaSchema>;
