/** The writes of one move, as the product sends them. */
import type { StateName } from "./the-law.ts";
import { merge, set, type SetWrite, type WireWrite } from "./writes.ts";

export const DIGEST = `sha256:${"a1".repeat(32)}`;
export const FAILURE = { code: "cancelled", message: "", details: [], hint: "", state: "queued" };

export interface MoveRequest {
  readonly id: string;
  readonly projectId: string;
  readonly number: number;
  readonly from: string;
  readonly to: StateName;
  readonly by: string;
  /** Of the move's own record. */
  readonly seq: number;
  /** After the move. */
  readonly attempt: number;
  /** What its project serves until then. */
  readonly former: string | null;
}

export interface MoveWrites extends MoveRequest {
  readonly change: SetWrite;
  readonly record: SetWrite;
  /** What goes live along with it. */
  readonly pointer: readonly WireWrite[];
}

/** What the owner of a move writes when it arrives. */
const ARRIVAL: Readonly<Partial<Record<StateName, object>>> = {
  built: { imageDigest: DIGEST },
  deploying: { manifestsHash: "b".repeat(64), url: "http://shop.localhost" },
  failed: { failure: FAILURE },
  queued: { failure: null },
};

export function moveWrites(request: MoveRequest): MoveWrites {
  const { id, projectId, number, from, to, by, seq, attempt, former } = request;
  const live = { liveDeploymentId: id, formerDeploymentId: former, liveNumber: number };
  return {
    ...request,
    change: merge(
      `deployments/${id}`,
      { state: to, seq, attempt, ...ARRIVAL[to] },
      { now: ["stateSince"] },
    ),
    record: set(recordPath(id, seq), recordFields({ from, to, by, seq, attempt }), {
      now: ["at"],
      must: { exists: false },
    }),
    pointer: to === "healthy" ? [merge(`projects/${projectId}`, live)] : [],
  };
}

export function recordFields(changes: object) {
  return { from: null, seq: 1, attempt: 1, why: null, evidence: null, ...changes };
}

/** 7 → "000007". */
export function nameOf(seq: number): string {
  return String(seq).padStart(6, "0");
}

export function recordPath(id: string, seq: number): string {
  return `deployments/${id}/transitions/${nameOf(seq)}`;
}
