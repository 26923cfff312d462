/** What the crash test and the server that it kills agree on. */
import type { CompactionLimits } from "../../journal/compactor.ts";

export const CRASH_PROJECT = "bifrost-local";

/** A few batches of commits: with the ballast in the snapshot, one is being written much of the time. */
export const CRASH_LIMITS: CompactionLimits = { logBytes: 48 * 1024, snapshots: 0.05 };
