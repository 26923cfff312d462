/**
 * How news travels: a node's own goes straight to as many as one push reaches; what it hears rides on probes and answers
 * and on a gossip loop that runs while there is something to tell.
 */
import { schedule, scheduleOnce } from "./agenda.ts";
import { dropSubject, enqueue, retransmitLimit, takeBroadcasts } from "./broadcast-queue.ts";
import { encodeHeader, encodeMessage, MAX_ID_BYTES, MAX_PACKET_BYTES } from "./codec.ts";
import type { Address } from "./member.ts";
import { liveCount, livePeers, pickPeers } from "./member-list.ts";
import type { BroadcastMessage, Claim, GossipMessage } from "./message.ts";
import type { SwimState, Turn } from "./swim-state.ts";

/** A packet with these messages and as much news as fits. */
export function sendMessages(
  turn: Turn,
  to: Address,
  messages: readonly GossipMessage[],
  news: "with-news" | "no-news" = "with-news",
): void {
  const { state } = turn;
  const parts = [encodeHeader(state.options.id), ...messages.map(encodeMessage)];
  if (news === "with-news" && state.queue.items.size > 0) {
    parts.push(...takeBroadcasts(state.queue, packetBytes(state) - totalBytes(parts), null));
  }
  turn.effects.push({ kind: "send", to, packet: joined(parts) });
}

/** Puts a claim on its way; older claims about the same member are void, other witnesses of one suspicion are not. */
export function spreadClaim(turn: Turn, claim: Claim, isOwn: boolean): void {
  const { state } = turn;
  if (claim.kind !== "suspect") dropSubject(state.queue, claim.id);
  const witness = claim.kind === "suspect" ? `:${claim.from}` : "";
  spread(turn, `${claim.id}${witness}`, claim.id, encodeMessage(claim), isOwn);
}

export function spreadBroadcast(turn: Turn, message: BroadcastMessage, isOwn: boolean): void {
  spread(turn, broadcastName(message), null, encodeMessage(message), isOwn);
}

export function broadcastName(message: BroadcastMessage): string {
  return `#${message.epoch}.${message.number}`;
}

function spread(
  turn: Turn,
  key: string,
  subject: string | null,
  bytes: Uint8Array,
  isOwn: boolean,
): void {
  const { state, now, isFromStream } = turn;
  const { preset } = state.options;
  const isFirstHand = isOwn || isFromStream;
  if (bytes.length > packetBytes(state) - encodeHeader(state.options.id).length) {
    // It came in a packet with less beside it, and would wait for room for ever.
    state.queue.dropped++;
    return;
  }
  enqueue(state.queue, key, subject, bytes);
  scheduleOnce(state.agenda, { kind: "gossip" }, now + preset.gossipIntervalMs);
  // Who heard it from a push that reached everyone need not push it again.
  if (!isFirstHand && state.peers.size <= preset.pushFanout) return;
  state.fresh.set(key, isFirstHand);
  scheduleOnce(state.agenda, { kind: "push" }, now + preset.pushDelayMs);
}

/** The push that was waiting for company. */
export function pushFresh(turn: Turn): void {
  const { state } = turn;
  const { pushFanout, gossipFanout } = state.options.preset;
  const own: Uint8Array[] = [];
  const heard: Uint8Array[] = [];
  for (const [key, isOwn] of state.fresh) {
    const bytes = state.queue.items.get(key)?.bytes;
    if (bytes !== undefined) (isOwn ? own : heard).push(bytes);
  }
  state.fresh.clear();
  sendChunks(turn, own, pushFanout);
  sendChunks(turn, heard, gossipFanout);
}

function sendChunks(turn: Turn, messages: readonly Uint8Array[], fanout: number): void {
  if (messages.length === 0) return;
  const { state } = turn;
  const header = encodeHeader(state.options.id);
  const packets: Uint8Array[] = [];
  let parts = [header];
  let used = header.length;
  for (const message of messages) {
    if (used + message.length > packetBytes(state) && parts.length > 1) {
      packets.push(joined(parts));
      parts = [header];
      used = header.length;
    }
    parts.push(message);
    used += message.length;
  }
  packets.push(joined(parts));
  for (const { address } of pickPeers(state, fanout)) {
    for (const packet of packets) turn.effects.push({ kind: "send", to: address, packet });
  }
}

/**
 * One beat of the gossip loop; the next one only when something is left. It goes round: who was told longest ago comes
 * first, so that one message meets as many members as it has transmissions.
 */
export function gossipRound(turn: Turn): void {
  const { state, now } = turn;
  const { gossipFanout, gossipIntervalMs } = state.options.preset;
  const longestAgo = pickPeers(state, state.peers.size).toSorted((a, b) => a.toldAt - b.toldAt);
  for (const peer of longestAgo.slice(0, gossipFanout)) {
    if (state.queue.items.size === 0) return;
    peer.toldAt = now;
    const header = encodeHeader(state.options.id);
    const budget = packetBytes(state) - header.length;
    const news = takeBroadcasts(state.queue, budget, limitOf(state));
    turn.effects.push({ kind: "send", to: peer.address, packet: joined([header, ...news]) });
  }
  if (state.queue.items.size === 0 || livePeers(state).length === 0) return;
  schedule(state.agenda, { kind: "gossip" }, now + gossipIntervalMs);
}

/** Largest body of a broadcast or a direct message that fits one packet beside its envelope. */
export function maxBodyBytes(maxPacketBytes: number, idBytes: number): number {
  // Of whoever passes it on, whose name may be longer.
  const header = 2 + MAX_ID_BYTES;
  const envelope = 1 + 1 + idBytes + 8 + 8 + 1 + 2;
  return Math.min(MAX_PACKET_BYTES, maxPacketBytes) - header - envelope;
}

function packetBytes(state: SwimState): number {
  return Math.min(MAX_PACKET_BYTES, state.options.maxPacketBytes);
}

function limitOf(state: SwimState): number {
  return retransmitLimit(state.options.preset.retransmitMultiplier, liveCount(state));
}

function totalBytes(parts: readonly Uint8Array[]): number {
  let total = 0;
  for (const part of parts) total += part.length;
  return total;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const packet = new Uint8Array(totalBytes(parts));
  let at = 0;
  for (const part of parts) {
    packet.set(part, at);
    at += part.length;
  }
  return packet;
}
