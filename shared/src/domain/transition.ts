/** Decides moves: what a request does to a deployment, or why it may not. Pure; storing is someone else's job. */
import type { Deployment, Transition } from "./deployment.ts";
import { BifrostError } from "./errors.ts";
import {
  allowedFrom,
  findMove,
  HAPPY_PATH,
  type Move,
  type MoveOwner,
  type State,
} from "./lifecycle.ts";

export interface MoveRequest {
  readonly to: State;
  readonly by: MoveOwner;
  /** The attempt the caller works for; a call for another attempt is stale. */
  readonly attempt: number;
  readonly why?: string;
  readonly evidence?: Readonly<Record<string, unknown>>;
  /** Further fields of the deployment, limited by the move's `writes`. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export interface MoveDecision {
  readonly kind: "move";
  readonly move: Move;
  readonly attempt: number;
  readonly seq: number;
  readonly fields: Readonly<Record<string, unknown>>;
  /** `at` is the store's commit time. */
  readonly transition: Omit<Transition, "at">;
}

/** The move was made before, by an earlier delivery of the same call. */
export interface RepeatDecision {
  readonly kind: "repeat";
}

/** The table has no such move: names from, to and what is allowed. */
export class IllegalMove extends BifrostError {
  override readonly name = "IllegalMove";
  readonly from: State;
  readonly to: State;
  readonly allowed: readonly State[];

  constructor(id: string, from: State, to: State) {
    const allowed = allowedFrom(from);
    super(
      "illegal-move",
      `deployment ${id} is ${from} and may only move to ${allowed.join(" or ")}, not to ${to}`,
      { deploymentId: id, from, to, allowed },
    );
    this.from = from;
    this.to = to;
    this.allowed = allowed;
  }
}

/** Throws IllegalMove for an edge outside the table or not owned by `by`, BifrostError `stale-attempt` for another attempt. */
export function decideMove(
  deployment: Deployment,
  request: MoveRequest,
): MoveDecision | RepeatDecision {
  const { state, attempt, id } = deployment;
  if (isRepeat(deployment, request)) return { kind: "repeat" };
  if (request.attempt !== attempt) {
    throw new BifrostError(
      "stale-attempt",
      `deployment ${id} is at attempt ${attempt}; this call is for attempt ${request.attempt}`,
      { deploymentId: id, attempt, requested: request.attempt },
    );
  }
  const move = findMove(state, request.to);
  if (move === undefined || move.owner !== request.by) throw new IllegalMove(id, state, request.to);
  const fields = checkedFields(move, request.fields ?? {});
  const next = move.to === "queued" ? attempt + 1 : attempt;
  const seq = deployment.seq + 1;
  return {
    kind: "move",
    move,
    attempt: next,
    seq,
    fields,
    transition: {
      from: move.from,
      to: move.to,
      by: request.by,
      attempt: next,
      seq,
      why: request.why ?? null,
      evidence: request.evidence === undefined ? null : { ...request.evidence },
    },
  };
}

/** A retry raises the attempt, so its repeat is seen one attempt later; any other move is repeated once passed. */
function isRepeat(deployment: Deployment, request: MoveRequest): boolean {
  const { state, attempt } = deployment;
  if (request.by === "retry") return request.to === "queued" && attempt === request.attempt + 1;
  if (attempt !== request.attempt) return false;
  if (request.to === "failed") return state === "failed";
  const reached = HAPPY_PATH.indexOf(state);
  return reached >= 0 && request.to !== "queued" && reached >= HAPPY_PATH.indexOf(request.to);
}

function checkedFields(
  move: Move,
  fields: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const allowed: readonly string[] = move.writes;
  const extra = Object.keys(fields).filter((name) => !allowed.includes(name));
  if (extra.length > 0) {
    throw new BifrostError(
      "internal",
      `${move.from} → ${move.to} may write ${allowed.join(", ") || "no further fields"}, not ${extra.join(", ")}`,
      { from: move.from, to: move.to, extra },
    );
  }
  return fields;
}
