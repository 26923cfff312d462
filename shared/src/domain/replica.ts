/** A replica as its sidecar last described it: the document `deployments/{id}/replicas/{pod}`. */
import * as v from "valibot";

/** How the last probe ended; `none` before the first one. */
export const PROBE_RESULTS = ["none", "ok", "refused", "timeout", "status", "error"] as const;

/** Passes in a row up to which each one is news; beyond it the verdict tells what matters. */
export const NEEDED_PASSES = 2;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const ReplicaSchema = v.object({
  pod: v.pipe(v.string(), v.minLength(1), v.maxLength(253)),
  /** Names one life of the replica's sidecar; within it, samples are numbered by `seq`. */
  boot: count,
  /** The sidecar's verdict: thresholds of passes or failures in a row decide it. */
  healthy: v.boolean(),
  /** Whether the verdict has ever been true; a replica that is still starting is unproven. */
  proven: v.boolean(),
  /** How long the verdict had stood when the sample was taken, in ms. */
  verdictMs: count,
  consecutivePasses: count,
  lastResult: v.picklist(PROBE_RESULTS),
  /** HTTP status of the last probe; null when no answer came. */
  lastStatus: v.nullable(count),
  /** Begin of the last answer when its status failed the probe. */
  lastBody: v.nullable(v.string()),
  /** How long the TCP connection took; null when none was accepted. */
  connectMs: v.nullable(count),
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
  /** By the collector's clock, in ms since the epoch; stored as timestamps. */
  receivedAt: count,
  /** From then on nobody believes in the replica any more, whether its document was removed or not. */
  expireAt: count,
});

export type Replica = v.InferOutput<typeof ReplicaSchema>;
