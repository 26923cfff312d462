/** A member is never given up: the dead are tried again and again, and so are addresses that discovery knows. */
import { scheduleOnce } from "./agenda.ts";
import type { Address } from "./member.ts";
import { forgetGone, livePeers, pickPeers } from "./member-list.ts";
import { startProbe } from "./probing.ts";
import { nextRandom } from "./random.ts";
import { MAX_CANDIDATES, type SwimState, type Turn } from "./swim-state.ts";
import { startSync } from "./sync.ts";

/** So many of each kind in one beat. */
const TRIES_PER_BEAT = 3;
const BEAT_MS = 500;
const FIRST_CANDIDATE_DELAY_MS = 500;
/** A node that is alone asks for company more often. */
const MAX_DELAY_ALONE_MS = 5000;
/** Dead and left members kept at most. */
const MAX_GONE = 1024;

/**
 * A twentieth of the time since its death, so that a partition heals within a twentieth of its length; cluster-wide every
 * node tries, so the first success comes sooner still, and one is enough.
 */
export function rejoinDelayMs(deadForMs: number, minMs: number, maxMs: number): number {
  return Math.max(minMs, Math.min(maxMs, deadForMs / 20));
}

export function setCandidates(turn: Turn, addresses: readonly Address[]): void {
  const { state, now } = turn;
  const wanted = new Set(addresses.slice(0, MAX_CANDIDATES));
  wanted.delete(state.options.address);
  for (const address of state.candidates.keys()) {
    if (!wanted.has(address)) state.candidates.delete(address);
  }
  for (const address of wanted) {
    if (state.candidates.has(address)) continue;
    state.candidates.set(address, { nextAt: now, delayMs: FIRST_CANDIDATE_DELAY_MS });
  }
  rejoinBeat(turn);
}

export function rejoinBeat(turn: Turn): void {
  const { state, now } = turn;
  if (state.hasLeft) return;
  forgetGone(state, now, MAX_GONE);
  tryDead(turn);
  tryCandidates(turn);
  if (hasWork(state)) scheduleOnce(state.agenda, { kind: "rejoin" }, now + BEAT_MS);
}

function hasWork(state: SwimState): boolean {
  if (state.candidates.size > 0) return true;
  for (const peer of state.peers.values()) {
    if (peer.state === "dead" || peer.state === "left") return true;
  }
  return false;
}

function tryDead(turn: Turn): void {
  const { state, now } = turn;
  const { minRejoinMs, maxRejoinMs } = state.options.preset;
  const isDue = (peer: { state: string; rejoinAt: number }): boolean =>
    peer.state === "dead" && peer.rejoinAt <= now;
  for (const peer of pickPeers(state, TRIES_PER_BEAT, isDue)) {
    const delayMs = rejoinDelayMs(now - peer.since, minRejoinMs, maxRejoinMs);
    peer.rejoinAt = now + delayMs * (0.5 + nextRandom(state.random));
    startProbe(turn, peer, "rejoin");
  }
}

function tryCandidates(turn: Turn): void {
  const { state, now } = turn;
  const live = livePeers(state);
  const known = new Set(live.map((peer) => peer.address));
  const maxDelayMs = live.length === 0 ? MAX_DELAY_ALONE_MS : state.options.preset.maxRejoinMs;
  let tries = 0;
  for (const [address, candidate] of state.candidates) {
    if (known.has(address)) {
      candidate.delayMs = FIRST_CANDIDATE_DELAY_MS;
      continue;
    }
    if (Math.min(candidate.nextAt, now + maxDelayMs) > now || tries === TRIES_PER_BEAT) continue;
    tries++;
    candidate.nextAt = now + candidate.delayMs * (0.5 + nextRandom(state.random));
    candidate.delayMs = Math.min(maxDelayMs, candidate.delayMs * 2);
    startSync(turn, address, false);
  }
}
