/** How far each class of evidence goes: see Evidence in member.ts. */
import type { Evidence, MemberState } from "./member.ts";

/**
 * The stronger one wins when two nodes see different things: a kernel that answers disproves "unreachable", and a kernel
 * that refuses ends all doubt.
 */
export const EVIDENCE_RANK = {
  unreachable: 0,
  stalled: 1,
  refused: 2,
} as const satisfies Record<Evidence, number>;

/** Of two claims about one incarnation the higher one holds, so that views meet whatever the order of messages. */
export const STATE_RANK = {
  alive: 0,
  suspect: 1,
  dead: 2,
  left: 3,
} as const satisfies Record<MemberState, number>;

export function isStronger(evidence: Evidence, than: Evidence | null): boolean {
  return than === null || EVIDENCE_RANK[evidence] > EVIDENCE_RANK[than];
}

/** Whether a member takes part: a suspect still gets gossip, or it could not refute. */
export function isLive(state: MemberState): boolean {
  return state === "alive" || state === "suspect";
}
