/**
 * Membership as one function: `step(state, event, now)` changes the state and answers what is to be done. No clock, no
 * socket, no randomness of its own. SWIM (Das, Gupta, Motivala 2002) with Lifeguard's suspicions (Dadgar, Phillips, Currey
 * 2018), classes of evidence, and rejoin.
 */
import { earliest, postpone, type Task, takeDue } from "./agenda.ts";
import { adjustAwareness } from "./awareness.ts";
import { announce, applyClaim, raiseSuspicion, suspicionOver } from "./claims.ts";
import { decodePacket, MAX_INCARNATION } from "./codec.ts";
import {
  broadcastName,
  gossipRound,
  pushFresh,
  sendMessages,
  spreadBroadcast,
  spreadClaim,
} from "./dissemination.ts";
import { isLive } from "./evidence.ts";
import type { Address, NodeId } from "./member.ts";
import { peersAt } from "./member-list.ts";
import type { BroadcastMessage, Claim, GossipMessage } from "./message.ts";
import {
  ackReceived,
  checkedProbe,
  concludeProbe,
  confirmProbe,
  pinged,
  probeForOther,
  probeRound,
  probeTimedOut,
  relayedAckReceived,
} from "./probing.ts";
import { rejoinBeat, setCandidates } from "./rejoin.ts";
import { isFirstTime } from "./seen-messages.ts";
import type { SwimCommand, SwimEffect, SwimEvent, SwimState, Turn } from "./swim-state.ts";
import { answerSync, pushPullRound, syncEnded } from "./sync.ts";

export function step(state: SwimState, event: SwimEvent, now: number): SwimEffect[] {
  const isFromStream = event.kind === "sync-request" || event.kind === "synced";
  const turn: Turn = { state, now, effects: [], isFromStream };
  noticeStall(turn);
  if (isCommand(event)) command(turn, event);
  else handle(turn, event);
  return turn.effects;
}

const COMMANDS = {
  candidates: true,
  "set-meta": true,
  broadcast: true,
  send: true,
  leave: true,
} as const satisfies Record<SwimCommand["kind"], true>;

function isCommand(event: SwimEvent): event is SwimCommand {
  return event.kind in COMMANDS;
}

/** When `wake` is to come; it may come earlier. */
export function nextWakeAt(state: SwimState): number {
  return earliest(state.agenda);
}

/**
 * A timer that is far overdue: this process did not run. Answers that came meanwhile are still unread, so nothing may be
 * concluded from silence: all that was waiting gets the lost time again.
 */
function noticeStall(turn: Turn): void {
  const { state, now } = turn;
  const lateMs = now - earliest(state.agenda);
  if (lateMs <= state.options.preset.stallMs) return;
  state.counters.stalls++;
  state.awareness = adjustAwareness(state.awareness, 1);
  postpone(state.agenda, lateMs);
  for (const probe of state.probes.values()) probe.isVoid = true;
  for (const peer of state.peers.values()) {
    if (peer.suspicion !== null) peer.suspicion.since += lateMs;
  }
}

function handle(turn: Turn, event: Exclude<SwimEvent, SwimCommand>): void {
  switch (event.kind) {
    case "wake":
      return runDue(turn);
    case "packet":
      return readPacket(turn, event.from, event.packet);
    case "checked":
      return checkedProbe(turn, event.seq, event.result);
    case "refused":
      for (const peer of peersAt(turn.state, event.address)) raiseSuspicion(turn, peer, "refused");
      return;
    case "doubt":
      for (const peer of peersAt(turn.state, event.address)) confirmProbe(turn, peer.id);
      return;
    case "sync-request":
      return answerSync(turn, event.view);
    case "synced":
      return syncEnded(turn, event.id, event.view);
  }
}

/** What the node's own program wants. */
function command(turn: Turn, event: SwimCommand): void {
  const { state } = turn;
  switch (event.kind) {
    case "candidates":
      return setCandidates(turn, event.addresses);
    case "set-meta":
      state.meta = event.meta;
      state.incarnation = Math.min(MAX_INCARNATION, state.incarnation + 1);
      return announce(turn);
    case "broadcast":
      return broadcast(turn, event.channel, event.body);
    case "send":
      return sendDirect(turn, event.to, event.channel, event.body);
    case "leave":
      state.hasLeft = true;
      spreadClaim(
        turn,
        { kind: "left", id: state.options.id, incarnation: state.incarnation },
        true,
      );
      return;
  }
}

function broadcast(turn: Turn, channel: number, body: Uint8Array): void {
  const { state, now } = turn;
  const message: BroadcastMessage = {
    kind: "broadcast",
    origin: state.options.id,
    epoch: state.meta.epoch,
    number: state.broadcasts++,
    channel,
    body,
  };
  isFirstTime(state.seen, broadcastName(message), now, state.options.deduplicationMs);
  spreadBroadcast(turn, message, true);
}

function sendDirect(turn: Turn, to: NodeId, channel: number, body: Uint8Array): void {
  const peer = turn.state.peers.get(to);
  if (peer !== undefined) sendMessages(turn, peer.address, [{ kind: "direct", channel, body }]);
}

function runDue(turn: Turn): void {
  for (;;) {
    const task = takeDue(turn.state.agenda, turn.now);
    if (task === null) return;
    run(turn, task);
  }
}

function run(turn: Turn, task: Task): void {
  switch (task.kind) {
    case "probe-round":
      return probeRound(turn);
    case "probe-timeout":
      return probeTimedOut(turn, task.seq);
    case "probe-verdict":
      return concludeProbe(turn, task.seq);
    case "confirm":
      return confirmProbe(turn, task.id);
    case "suspicion":
      return suspicionOver(turn, task.id);
    case "gossip":
      return gossipRound(turn);
    case "push":
      return pushFresh(turn);
    case "push-pull":
      return pushPullRound(turn);
    case "rejoin":
      return rejoinBeat(turn);
  }
}

function readPacket(turn: Turn, from: Address, bytes: Uint8Array): void {
  const packet = decodePacket(bytes);
  if (packet === null) {
    turn.state.counters.malformed++;
    return;
  }
  // Two processes with one name: what the other one says is not heard, or it would speak to itself.
  if (packet.sender === turn.state.options.id) return;
  const peer = turn.state.peers.get(packet.sender);
  if (peer !== undefined) peer.turnAt = turn.now;
  for (const message of packet.messages) readMessage(turn, packet.sender, from, message);
}

function readMessage(turn: Turn, sender: NodeId, from: Address, message: GossipMessage): void {
  const { state } = turn;
  switch (message.kind) {
    case "ping":
      if (message.target !== state.options.id) return;
      return pinged(turn, sender, message.seq, from);
    case "ack":
      return ackReceived(turn, sender, message.seq, from);
    case "relayed-ack":
      return relayedAckReceived(turn, message.seq);
    case "ping-request":
      return probeForOther(turn, message, from);
    case "direct":
      turn.effects.push({
        kind: "deliver",
        from: sender,
        channel: message.channel,
        body: message.body,
      });
      return;
    case "broadcast":
      return hear(turn, message);
    case "alive":
    case "left":
    case "suspect":
    case "dead":
      return hearClaim(turn, sender, from, message);
  }
}

function hearClaim(turn: Turn, sender: NodeId, from: Address, claim: Claim): void {
  if (isCredible(turn.state, sender, claim)) applyClaim(turn, claim, { sender, address: from });
}

/** A node that hears nobody holds everybody for dead: who is dead here accuses nobody but this node, which can answer. */
function isCredible(state: SwimState, sender: NodeId, claim: Claim): boolean {
  if (claim.kind === "alive" || claim.kind === "left" || claim.id === state.options.id) return true;
  const peer = state.peers.get(sender);
  return peer === undefined || isLive(peer.state);
}

function hear(turn: Turn, message: BroadcastMessage): void {
  const { state, now } = turn;
  const isNew = isFirstTime(state.seen, broadcastName(message), now, state.options.deduplicationMs);
  if (!isNew) return;
  spreadBroadcast(turn, message, false);
  const { origin, channel, body } = message;
  turn.effects.push({ kind: "deliver", from: origin, channel, body });
}
