/**
 * How a member is examined: a ping; without an answer in time, a ping through others and a check over a stream at once;
 * then a verdict, with what the check saw as its evidence.
 */
import { cancel, schedule } from "./agenda.ts";
import { adjustAwareness, probeIntervalMs } from "./awareness.ts";
import { raiseSuspicion } from "./claims.ts";
import { sendMessages } from "./dissemination.ts";
import { isLive } from "./evidence.ts";
import type { Address, NodeId } from "./member.ts";
import { addressOf, livePeers, peersAt, pickPeers } from "./member-list.ts";
import type { GossipMessage } from "./message.ts";
import { sample } from "./random.ts";
import { probeAnswered, probeSent } from "./round-trip.ts";
import {
  nextSeq,
  type Peer,
  type Probe,
  type ProbePurpose,
  type SwimState,
  type Turn,
} from "./swim-state.ts";
import { startSync } from "./sync.ts";
import type { CheckResult } from "./transport.ts";

/** The check's own timer and the verdict's run side by side: the verdict waits a little longer. */
const VERDICT_SLACK_MS = 20;
/** A check that has not ended after this never does. */
const ABANDON_MS = 30_000;
const MAX_RELAYS = 1024;
const RELAY_MS = 2000;

/**
 * The next turn goes to the member that was not heard of for longest, by its own probes or by answers to ours: every member
 * has a turn within n - 1 intervals, and whoever falls silent is soon the oldest somewhere, sooner than in random order.
 */
export function probeRound(turn: Turn): void {
  const { state, now } = turn;
  const everyMs = probeIntervalMs(state.options.preset.probeIntervalMs, state.awareness);
  schedule(state.agenda, { kind: "probe-round" }, now + everyMs);
  for (const probe of state.probes.values()) {
    if (probe.verdictAt + ABANDON_MS < now) endProbe(state, probe);
  }
  const peer = longestUnheard(state);
  if (peer === null) return;
  peer.turnAt = now;
  startProbe(turn, peer, "round");
}

function longestUnheard(state: SwimState): Peer | null {
  let longest: Peer | null = null;
  for (const peer of sample(state.random, livePeers(state), state.peers.size)) {
    if (longest === null || peer.turnAt < longest.turnAt) longest = peer;
  }
  return longest;
}

export function startProbe(turn: Turn, peer: Peer, purpose: ProbePurpose): void {
  const { state, now } = turn;
  const { preset, health } = state.options;
  const seq = nextSeq(state);
  // Its process is gone, says somebody: its kernel is asked at once.
  const waitMs =
    purpose === "confirm" && peer.evidence === "refused" ? 0 : pingTimeoutMs(state, peer);
  const verdictAt = now + waitMs + preset.checkTimeoutMs + VERDICT_SLACK_MS;
  state.probes.set(seq, {
    seq,
    target: peer.id,
    purpose,
    verdictAt,
    evidence: null,
    isVoid: false,
  });
  state.counters.probes++;
  if (purpose !== "rejoin") probeSent(peer.link, seq, now, health);
  const ping: GossipMessage = { kind: "ping", seq, target: peer.id };
  sendMessages(turn, peer.address, [ping, ...accusation(state, peer)]);
  if (purpose === "rejoin") schedule(state.agenda, { kind: "probe-verdict", seq }, verdictAt);
  else schedule(state.agenda, { kind: "probe-timeout", seq }, now + waitMs);
}

/** What is held against it goes with each ping and answer, so that it can refute at once ("buddy" of Lifeguard). */
function accusation(state: SwimState, peer: Peer): GossipMessage[] {
  const { id, incarnation, evidence, accused } = peer;
  const from = state.options.id;
  if (accused !== null) return [{ kind: "dead", id, ...accused, from }];
  if (peer.state === "left") return [{ kind: "left", id, incarnation }];
  if ((peer.state !== "suspect" && peer.state !== "dead") || evidence === null) return [];
  return [{ kind: peer.state, id, incarnation, evidence, from }];
}

function pingTimeoutMs(state: SwimState, peer: Peer): number {
  const { minProbeTimeoutMs, maxProbeTimeoutMs, probeTimeoutFactor } = state.options.preset;
  const wanted = (peer.link.roundTripMs ?? 0) * probeTimeoutFactor;
  return Math.max(minProbeTimeoutMs, Math.min(maxProbeTimeoutMs, wanted));
}

/** No answer in time: others try, and a stream. */
export function probeTimedOut(turn: Turn, seq: number): void {
  const { state } = turn;
  const probe = state.probes.get(seq);
  const peer = probe === undefined ? undefined : state.peers.get(probe.target);
  if (probe === undefined || peer === undefined) return;
  const { indirectProbes, checkTimeoutMs } = state.options.preset;
  const { id: target, address } = peer;
  const helpers = pickPeers(
    state,
    indirectProbes,
    (one) => one.state === "alive" && one.id !== target,
  );
  for (const helper of helpers) {
    sendMessages(turn, helper.address, [{ kind: "ping-request", seq, target, address }]);
  }
  turn.effects.push({ kind: "check", seq, address, timeoutMs: checkTimeoutMs });
  schedule(state.agenda, { kind: "probe-verdict", seq }, probe.verdictAt);
}

/** What the check over a stream saw. A refusal needs no second opinion; silence waits for the indirect probes. */
export function checkedProbe(turn: Turn, seq: number, result: CheckResult): void {
  const { state, now } = turn;
  const probe = state.probes.get(seq);
  if (probe === undefined) return;
  const isShared = hasSharedAddress(state, probe.target);
  if (result === "answered" && !isShared) return probeSucceeded(turn, probe);
  probe.evidence = result === "answered" ? "stalled" : result;
  if (result === "refused" || now >= probe.verdictAt) concludeProbe(turn, seq);
}

/**
 * Its address has found a new owner, such as one that was started in its place under another name: who answers a stream
 * there is not known. A ping names whom it is for.
 */
function hasSharedAddress(state: SwimState, id: NodeId): boolean {
  const address = addressOf(state, id);
  if (address === null) return false;
  return address === state.options.address || peersAt(state, address).some((one) => one.id !== id);
}

/** Time is up. A check that has not said anything yet is waited for: without it there is no evidence. */
export function concludeProbe(turn: Turn, seq: number): void {
  const { state } = turn;
  const probe = state.probes.get(seq);
  if (probe === undefined) return;
  if (probe.purpose !== "rejoin" && probe.evidence === null && !probe.isVoid) return;
  endProbe(state, probe);
  if (probe.purpose === "rejoin" || probe.evidence === null || probe.isVoid) return;
  const peer = state.peers.get(probe.target);
  if (peer === undefined) return;
  state.counters.probesFailed++;
  raiseSuspicion(turn, peer, probe.evidence);
}

/** Whoever asks and is taken for gone here hears of it: it may have begun anew, or moved, and know of no such claim. */
export function pinged(turn: Turn, sender: NodeId, seq: number, from: Address): void {
  const peer = turn.state.peers.get(sender);
  const held = peer === undefined ? [] : accusation(turn.state, peer);
  sendMessages(turn, from, [{ kind: "ack", seq }, ...held]);
}

export function ackReceived(turn: Turn, sender: NodeId, seq: number, from: Address): void {
  const { state, now } = turn;
  const relay = state.relays.get(seq);
  if (relay !== undefined && relay.target === sender) {
    state.relays.delete(seq);
    sendMessages(turn, relay.for, [{ kind: "relayed-ack", seq: relay.seq }]);
    return;
  }
  const peer = state.peers.get(sender);
  if (peer === undefined) return;
  if (probeAnswered(peer.link, seq, now, state.options.health) !== null) peer.answeredAt = now;
  const probe = state.probes.get(seq);
  if (probe === undefined || probe.target !== sender) return;
  probeSucceeded(turn, probe);
  // Somebody with the name of a dead member answers: it is back, or the network is.
  if (!isLive(peer.state)) startSync(turn, from, false);
}

export function relayedAckReceived(turn: Turn, seq: number): void {
  const probe = turn.state.probes.get(seq);
  if (probe !== undefined) probeSucceeded(turn, probe);
}

function probeSucceeded(turn: Turn, probe: Probe): void {
  const { state, now } = turn;
  endProbe(state, probe);
  const peer = state.peers.get(probe.target);
  if (peer !== undefined) peer.answeredAt = now;
  if (probe.purpose === "round") state.awareness = adjustAwareness(state.awareness, -1);
}

function endProbe(state: SwimState, probe: Probe): void {
  state.probes.delete(probe.seq);
  cancel(state.agenda, { kind: "probe-timeout", seq: probe.seq });
  cancel(state.agenda, { kind: "probe-verdict", seq: probe.seq });
}

/** Probes a suspect outside its turn, and again for as long as it is one. */
export function confirmProbe(turn: Turn, id: NodeId): void {
  const { state, now } = turn;
  const peer = state.peers.get(id);
  if (peer === undefined || !isLive(peer.state)) return;
  startProbe(turn, peer, "confirm");
  if (peer.state !== "suspect") return;
  schedule(state.agenda, { kind: "confirm", id }, now + state.options.preset.reprobeMs);
}

export function probeForOther(
  turn: Turn,
  request: Extract<GossipMessage, { kind: "ping-request" }>,
  from: Address,
): void {
  const { state, now } = turn;
  for (const [old, relay] of state.relays) {
    if (relay.until > now && state.relays.size < MAX_RELAYS) break;
    state.relays.delete(old);
  }
  const seq = nextSeq(state);
  const { target, address } = request;
  state.relays.set(seq, { for: from, seq: request.seq, target, until: now + RELAY_MS });
  sendMessages(turn, address, [{ kind: "ping", seq, target }]);
}
