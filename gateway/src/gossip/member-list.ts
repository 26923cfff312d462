/** The members a node knows: who is live, what is told of them, whom to keep links to. */
import { isLive } from "./evidence.ts";
import type { Address, Member, NodeId } from "./member.ts";
import type { AliveClaim, MemberRecord, View } from "./message.ts";
import { sample } from "./random.ts";
import type { Peer, SwimState, Turn } from "./swim-state.ts";

export function memberOf(peer: Peer): Member {
  const { id, address, incarnation, state, evidence, meta, since } = peer;
  return { id, address, incarnation, state, evidence, meta, since };
}

/** This node's own word. */
export function ownClaim(state: SwimState): AliveClaim {
  const { id, address } = state.options;
  return { kind: "alive", id, incarnation: state.incarnation, address, meta: state.meta };
}

export function ownMember(state: SwimState): Member {
  const { id, address } = state.options;
  const { incarnation, meta } = state;
  return {
    id,
    address,
    incarnation,
    meta,
    state: state.hasLeft ? "left" : "alive",
    evidence: null,
    since: 0,
  };
}

export function viewOf(state: SwimState): View {
  const members: MemberRecord[] = [ownMember(state)];
  for (const peer of state.peers.values()) members.push(memberOf(peer));
  return { sender: state.options.id, members };
}

/** Alive and suspect others. */
export function livePeers(state: SwimState): Peer[] {
  return [...state.peers.values()].filter((peer) => isLive(peer.state));
}

/** Live members, this node among them. */
export function liveCount(state: SwimState): number {
  let live = 1;
  for (const peer of state.peers.values()) if (isLive(peer.state)) live++;
  return live;
}

export function pickPeers(
  state: SwimState,
  count: number,
  isWanted: (peer: Peer) => boolean = (peer) => isLive(peer.state),
): Peer[] {
  return sample(state.random, [...state.peers.values()].filter(isWanted), count);
}

/** All live members at an address: ids change hands, addresses too. */
export function peersAt(state: SwimState, address: Address): Peer[] {
  return livePeers(state).filter((peer) => peer.address === address);
}

/**
 * To everyone while there are few; else to the next ones on the ring of ids, so that each node is watched by as many as it
 * watches.
 */
export function linkTargets(state: SwimState): Address[] {
  const { linkAllUpTo, linkRing } = state.options.preset;
  const live = livePeers(state).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  if (live.length <= linkAllUpTo) return live.map((peer) => peer.address);
  const next = live.findIndex((peer) => peer.id > state.options.id);
  const start = next === -1 ? 0 : next;
  return [...live.slice(start), ...live.slice(0, start)].slice(0, linkRing).map((p) => p.address);
}

/** Tells of a change, and where links go from now on. */
export function reportChange(turn: Turn, peer: Peer, former: Member | null): void {
  turn.effects.push({ kind: "changed", member: memberOf(peer), former });
  const isLinkedNow = isLive(peer.state);
  const wasLinked = former !== null && isLive(former.state);
  if (isLinkedNow === wasLinked && former?.address === peer.address) return;
  turn.effects.push({ kind: "link", addresses: linkTargets(turn.state) });
}

/** The dead and left ones whose time is over; and the oldest when there are too many. */
export function forgetGone(state: SwimState, now: number, maxGone: number): void {
  const { forgetDeadMs, forgetLeftMs } = state.options.preset;
  const gone: Peer[] = [];
  for (const peer of state.peers.values()) {
    if (isLive(peer.state)) continue;
    const keepMs = peer.state === "dead" ? forgetDeadMs : forgetLeftMs;
    if (now - peer.since > keepMs) state.peers.delete(peer.id);
    else gone.push(peer);
  }
  if (gone.length <= maxGone) return;
  for (const peer of gone.toSorted((a, b) => a.since - b.since).slice(0, gone.length - maxGone)) {
    state.peers.delete(peer.id);
  }
}

export function forgetOldestGone(state: SwimState): void {
  let oldest: Peer | null = null;
  for (const peer of state.peers.values()) {
    if (!isLive(peer.state) && peer.since < (oldest?.since ?? Infinity)) oldest = peer;
  }
  if (oldest !== null) state.peers.delete(oldest.id);
}

export function addressOf(state: SwimState, id: NodeId): Address | null {
  return state.peers.get(id)?.address ?? null;
}
