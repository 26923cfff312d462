/** What a node makes of what it is told: incarnations decide, then the state's rank, then the evidence's. */
import { cancel, schedule, scheduleOnce } from "./agenda.ts";
import { adjustAwareness } from "./awareness.ts";
import { MAX_INCARNATION, MAX_MEMBERS } from "./codec.ts";
import { sendMessages, spreadClaim } from "./dissemination.ts";
import { isLive, isStronger } from "./evidence.ts";
import type { Address, Evidence, NodeId } from "./member.ts";
import { forgetOldestGone, liveCount, memberOf, ownClaim, reportChange } from "./member-list.ts";
import type { AliveClaim, Claim, DeadClaim, LeftClaim, SuspectClaim } from "./message.ts";
import { nextRandom } from "./random.ts";
import { newLinkRecord } from "./round-trip.ts";
import { MAX_CONFIRMATIONS, suspicionTimeoutMs } from "./suspicion.ts";
import { MAX_CANDIDATES, type Peer, type SwimState, type Turn } from "./swim-state.ts";

const CLAIM_AGAIN_MS = 500;

/** Where a claim came from, for an answer to an accusation. */
export interface ClaimSource {
  readonly sender: NodeId;
  readonly address: Address;
}

/** `source`: null = it came over a stream, whose answer says enough. */
export function applyClaim(turn: Turn, claim: Claim, source: ClaimSource | null): void {
  if (claim.id === turn.state.options.id) return aboutSelf(turn, claim, source);
  if (claim.kind === "alive") return applyAlive(turn, claim);
  const peer = turn.state.peers.get(claim.id);
  // Of a stranger only its own word counts, and nothing of a former incarnation.
  if (peer === undefined || claim.incarnation < peer.incarnation) return;
  if (claim.kind === "left") return applyLeft(turn, peer, claim);
  if (claim.kind === "suspect") return applySuspect(turn, peer, claim);
  return applyDead(turn, peer, claim);
}

/** This node saw it itself. */
export function raiseSuspicion(turn: Turn, peer: Peer, evidence: Evidence): void {
  const { state } = turn;
  if (!isLive(peer.state)) return;
  if (peer.suspicion?.witnesses.has(state.options.id) !== true) state.counters.suspicionsRaised++;
  const from = state.options.id;
  const { id, incarnation } = peer;
  applySuspect(turn, peer, { kind: "suspect", id, incarnation, evidence, from });
}

/** Its time to refute is over. */
export function suspicionOver(turn: Turn, id: NodeId): void {
  const { state, now } = turn;
  const peer = state.peers.get(id);
  if (peer?.suspicion == null || peer.evidence === null) return;
  if (peer.answeredAt > peer.suspicion.since) {
    // It answers this node but has not heard what is said of it: the next probe tells it again.
    peer.suspicion.since = now;
    armSuspicion(turn, peer);
    return;
  }
  state.counters.deathsDeclared++;
  const { incarnation, evidence, address } = peer;
  const from = state.options.id;
  const claim: DeadClaim = { kind: "dead", id, incarnation, evidence, from };
  die(turn, peer, claim, true);
  sendMessages(turn, address, [claim], "no-news"); // if it lives it can refute at once
}

/** What is said of this node to someone who may not know that it lives: its own word, with a new incarnation. */
function aboutSelf(turn: Turn, claim: Claim, source: ClaimSource | null): void {
  const { state } = turn;
  if (claim.kind === "alive") return aboutNamesake(turn, claim);
  if (state.hasLeft) return;
  if (claim.incarnation < state.incarnation) {
    // Refuted already, and the accuser has missed it.
    const isAccuser = "from" in claim && claim.from === source?.sender;
    if (isAccuser) sendMessages(turn, source.address, [ownClaim(state)], "no-news");
    return;
  }
  state.incarnation = after(claim.incarnation);
  if (claim.kind !== "left") {
    state.counters.refutations++;
    const accuser = state.peers.get(claim.from);
    // One that is itself cut off accuses everybody.
    if (accuser !== undefined && isLive(accuser.state)) {
      state.awareness = adjustAwareness(state.awareness, 1);
    }
    turn.effects.push({ kind: "refuted", claimed: claim.kind, by: claim.from });
  }
  announce(turn);
  if (source !== null) sendMessages(turn, source.address, [ownClaim(state)], "no-news");
}

function after(incarnation: number): number {
  return Math.min(MAX_INCARNATION, incarnation + 1);
}

export function announce(turn: Turn): void {
  spreadClaim(turn, ownClaim(turn.state), true);
}

/** Its former self, at the same address; or another process with its name, which keeps it as long as it lives. */
function aboutNamesake(turn: Turn, claim: AliveClaim): void {
  const { state } = turn;
  const isEcho = claim.meta.epoch === state.meta.epoch;
  if (isEcho || claim.incarnation < state.incarnation || state.hasLeft) return;
  if (claim.address !== state.options.address) {
    conflict(turn, claim.id, claim.address, state.options.address);
    return;
  }
  state.incarnation = after(claim.incarnation);
  announce(turn);
}

function conflict(turn: Turn, id: NodeId, holder: Address, claimant: Address): void {
  turn.state.counters.conflicts++;
  turn.effects.push({ kind: "conflict", id, holder, claimant });
}

function applyAlive(turn: Turn, claim: AliveClaim): void {
  const { state, now } = turn;
  const known = state.peers.get(claim.id);
  if (known === undefined) {
    if (!hasRoom(state)) {
      state.counters.surplus++;
      return;
    }
    const { id, address, incarnation, meta } = claim;
    const peer: Peer = {
      id,
      address,
      incarnation,
      state: "alive",
      evidence: null,
      meta,
      since: now,
      suspicion: null,
      accused: null,
      turnAt: -Infinity,
      toldAt: -Infinity,
      answeredAt: -Infinity,
      rejoinAt: 0,
      link: newLinkRecord(),
    };
    state.peers.set(id, peer);
    spreadClaim(turn, claim, false);
    reportChange(turn, peer, null);
    return;
  }
  const isOtherProcess = claim.meta.epoch !== known.meta.epoch;
  if (isOtherProcess && claim.address !== known.address && isLive(known.state)) {
    conflict(turn, claim.id, known.address, claim.address);
    // If the holder is gone this finds out; then the name is free, and the claimant is asked again.
    scheduleOnce(state.agenda, { kind: "confirm", id: known.id }, now);
    if (!state.candidates.has(claim.address) && state.candidates.size < MAX_CANDIDATES) {
      state.candidates.set(claim.address, {
        nextAt: now + CLAIM_AGAIN_MS,
        delayMs: CLAIM_AGAIN_MS,
      });
      scheduleOnce(state.agenda, { kind: "rejoin" }, now + CLAIM_AGAIN_MS);
    }
    return;
  }
  if (claim.incarnation <= known.incarnation) return;
  revive(turn, known, claim, isOtherProcess);
}

/** The dead and left make room, the one gone for longest first. */
function hasRoom(state: SwimState): boolean {
  const room = MAX_MEMBERS - 1;
  if (state.peers.size >= room) forgetOldestGone(state);
  return state.peers.size < room;
}

function revive(turn: Turn, peer: Peer, claim: AliveClaim, isOtherProcess: boolean): void {
  const { state, now } = turn;
  const former = memberOf(peer);
  if (peer.suspicion !== null) state.counters.suspicionsRefuted++;
  endSuspicion(turn, peer);
  if (isOtherProcess) {
    peer.link = newLinkRecord();
    peer.answeredAt = -Infinity;
  }
  if (peer.state !== "alive") peer.since = now;
  peer.state = "alive";
  peer.evidence = null;
  if (peer.accused !== null && peer.accused.incarnation < claim.incarnation) peer.accused = null;
  peer.incarnation = claim.incarnation;
  peer.address = claim.address;
  peer.meta = claim.meta;
  spreadClaim(turn, claim, false);
  reportChange(turn, peer, former);
}

function applySuspect(turn: Turn, peer: Peer, claim: SuspectClaim): void {
  const { state, now } = turn;
  if (!isLive(peer.state)) return;
  if (peer.suspicion !== null && claim.incarnation === peer.incarnation) {
    return addWitness(turn, peer, peer.suspicion, claim);
  }
  const former = memberOf(peer);
  const isOwn = claim.from === state.options.id;
  peer.incarnation = claim.incarnation;
  if (peer.state === "alive") peer.since = now;
  peer.state = "suspect";
  peer.evidence = claim.evidence;
  peer.suspicion = { since: now, witnesses: new Set([claim.from]) };
  armSuspicion(turn, peer);
  spreadClaim(turn, claim, isOwn);
  reportChange(turn, peer, former);
  const { confirmWithinMs, reprobeMs } = state.options.preset;
  const within = isOwn ? reprobeMs : confirmWithinMs * nextRandom(state.random);
  schedule(state.agenda, { kind: "confirm", id: peer.id }, now + within);
}

function addWitness(
  turn: Turn,
  peer: Peer,
  suspicion: NonNullable<Peer["suspicion"]>,
  claim: SuspectClaim,
): void {
  const isNew = !suspicion.witnesses.has(claim.from);
  const isUpgrade = isStronger(claim.evidence, peer.evidence);
  if (!isNew && !isUpgrade) return;
  // More of them shorten nothing, so nobody needs to hear of them either.
  const isEnough = suspicion.witnesses.size > MAX_CONFIRMATIONS;
  if (isEnough && !isUpgrade && claim.from !== turn.state.options.id) return;
  suspicion.witnesses.add(claim.from);
  if (isUpgrade) {
    const former = memberOf(peer);
    peer.evidence = claim.evidence;
    reportChange(turn, peer, former);
  }
  armSuspicion(turn, peer);
  spreadClaim(turn, claim, claim.from === turn.state.options.id);
}

/** As more witnesses and other evidence come in the time changes, always counted from the same start. */
function armSuspicion(turn: Turn, peer: Peer): void {
  const { state } = turn;
  if (peer.suspicion === null || peer.evidence === null) return;
  const { preset, maxSuspicionMs } = state.options;
  const { since, witnesses } = peer.suspicion;
  const timeoutMs = suspicionTimeoutMs(
    preset.suspicion[peer.evidence],
    liveCount(state),
    witnesses.size,
    maxSuspicionMs,
  );
  schedule(state.agenda, { kind: "suspicion", id: peer.id }, since + timeoutMs);
}

function endSuspicion(turn: Turn, peer: Peer): void {
  peer.suspicion = null;
  cancel(turn.state.agenda, { kind: "suspicion", id: peer.id });
  cancel(turn.state.agenda, { kind: "confirm", id: peer.id });
}

function applyDead(turn: Turn, peer: Peer, claim: DeadClaim): void {
  if (isLive(peer.state)) {
    if (isDisproved(turn, peer, claim)) {
      return applySuspect(turn, peer, { ...claim, kind: "suspect" });
    }
    return die(turn, peer, claim, false);
  }
  const isNewer = claim.incarnation > peer.incarnation;
  if (!isNewer && (peer.state === "left" || !isStronger(claim.evidence, peer.evidence))) return;
  die(turn, peer, claim, false);
}

/** It answered this node within the time in which it is said to have been silent. */
function isDisproved(turn: Turn, peer: Peer, claim: DeadClaim): boolean {
  if (claim.evidence === "refused") return false;
  const { minMs } = turn.state.options.preset.suspicion[claim.evidence];
  return peer.answeredAt > turn.now - minMs;
}

function die(turn: Turn, peer: Peer, claim: DeadClaim, isOwn: boolean): void {
  const { state, now } = turn;
  const former = memberOf(peer);
  endSuspicion(turn, peer);
  if (peer.state !== "dead") peer.since = now;
  peer.state = "dead";
  peer.evidence = claim.evidence;
  peer.incarnation = claim.incarnation;
  peer.accused = null;
  peer.rejoinAt = now + state.options.preset.minRejoinMs * (0.5 + nextRandom(state.random));
  scheduleOnce(state.agenda, { kind: "rejoin" }, peer.rejoinAt);
  spreadClaim(turn, claim, isOwn);
  reportChange(turn, peer, former);
}

function applyLeft(turn: Turn, peer: Peer, claim: LeftClaim): void {
  if (peer.state === "left" && claim.incarnation === peer.incarnation) return;
  const former = memberOf(peer);
  endSuspicion(turn, peer);
  peer.since = turn.now;
  peer.state = "left";
  peer.evidence = null;
  peer.incarnation = claim.incarnation;
  spreadClaim(turn, claim, false);
  reportChange(turn, peer, former);
}
