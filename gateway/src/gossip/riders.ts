/** What goes along in packets that are sent anyway: it costs its own bytes, but no packet and no seal. */
import { Buffer } from "node:buffer";
import { encodeMessage, MAX_PACKET_BYTES } from "./codec.ts";

export interface Rider {
  readonly channel: number;
  readonly body: Uint8Array;
}

/** Kind, channel and length of a direct message. */
const ENVELOPE_BYTES = 1 + 1 + 2;

/** `offer`: who wants to go along, given so many bytes. */
export function withRider(
  packet: Uint8Array,
  maxPacketBytes: number,
  offer: (mostBytes: number) => Rider | null,
): Uint8Array {
  const room = Math.min(MAX_PACKET_BYTES, maxPacketBytes) - packet.length - ENVELOPE_BYTES;
  const rider = room <= 0 ? null : offer(room);
  if (rider === null || rider.body.length > room) return packet;
  return Buffer.concat([packet, encodeMessage({ kind: "direct", ...rider })]);
}
