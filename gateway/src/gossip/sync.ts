/** Push-pull: two nodes show each other all they know, over a stream. It repairs what gossip lost, and joins clusters. */
import { schedule, scheduleOnce } from "./agenda.ts";
import { announce, applyClaim } from "./claims.ts";
import { isLive } from "./evidence.ts";
import type { Address } from "./member.ts";
import { livePeers, pickPeers, viewOf } from "./member-list.ts";
import type { Claim, MemberRecord, View } from "./message.ts";
import { nextRandom } from "./random.ts";
import { nextSeq, type Turn } from "./swim-state.ts";

const SECOND_LOOK_MS = 1000;

/** Routine: with one live member, in random intervals of half to one and a half times the set one. */
export function pushPullRound(turn: Turn): void {
  const { state, now } = turn;
  const everyMs = state.options.preset.pushPullIntervalMs * (0.5 + nextRandom(state.random));
  schedule(state.agenda, { kind: "push-pull" }, now + everyMs);
  const [peer] = pickPeers(state, 1, (one) => one.state === "alive");
  if (peer !== undefined) startSync(turn, peer.address, true);
}

export function startSync(turn: Turn, address: Address, isRoutine: boolean): void {
  const { state } = turn;
  for (const sync of state.syncs.values()) if (sync.address === address) return;
  const id = nextSeq(state);
  state.syncs.set(id, { address });
  turn.effects.push({ kind: "sync", id, address, view: viewOf(state), isRoutine });
}

/** The answer holds what the request taught, this node's own refutation included. */
export function answerSync(turn: Turn, view: View): void {
  mergeView(turn, view);
  turn.effects.push({ kind: "sync-reply", view: viewOf(turn.state) });
}

export function syncEnded(turn: Turn, id: number, view: View | null): void {
  const { state, now } = turn;
  state.syncs.delete(id);
  if (view === null) return;
  const isFirst = livePeers(state).length === 0;
  mergeView(turn, view);
  if (!isFirst || livePeers(state).length === 0 || state.hasLeft) return;
  announce(turn);
  // Who joined at the same time was not in the answer yet.
  schedule(
    state.agenda,
    { kind: "push-pull" },
    now + SECOND_LOOK_MS * (0.5 + nextRandom(state.random)),
  );
}

function mergeView(turn: Turn, view: View): void {
  for (const record of view.members) {
    if (isDeathOfOneAlive(turn, record)) accuse(turn, record);
    else applyClaim(turn, claimOf(record, view.sender), null);
  }
}

/**
 * After a partition both sides hold members of the other for dead that live. Taking that over would spread it; the member
 * is asked instead, and told, so that it refutes for everyone.
 */
function isDeathOfOneAlive(turn: Turn, record: MemberRecord): boolean {
  return record.state === "dead" && turn.state.peers.get(record.id)?.state === "alive";
}

function accuse(turn: Turn, record: MemberRecord): void {
  const { state, now } = turn;
  const peer = state.peers.get(record.id);
  if (peer === undefined || !isLive(peer.state) || record.incarnation < peer.incarnation) return;
  const { incarnation, evidence } = record;
  peer.accused = { incarnation, evidence: evidence ?? "unreachable" };
  scheduleOnce(state.agenda, { kind: "confirm", id: peer.id }, now);
}

function claimOf(record: MemberRecord, sender: string): Claim {
  const { id, incarnation, address, meta } = record;
  if (record.state === "alive") return { kind: "alive", id, incarnation, address, meta };
  if (record.state === "left") return { kind: "left", id, incarnation };
  const evidence = record.evidence ?? "unreachable";
  return { kind: record.state, id, incarnation, evidence, from: sender };
}
