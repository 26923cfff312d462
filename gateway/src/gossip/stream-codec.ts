/** What goes over streams: push-pull with the state of every channel, and requests to a channel. */
import { ByteReader, ByteWriter, MalformedBytes } from "./bytes.ts";
import {
  MAX_MEMBERS,
  orNull,
  readAddress,
  readId,
  readIncarnation,
  readEvidence,
  readMeta,
  WIRE_VERSION,
  writeEvidence,
  writeMeta,
} from "./codec.ts";
import type { MemberState, NodeId } from "./member.ts";
import type { MemberRecord, View } from "./message.ts";

/** As the transports cap a request at 4 MiB. */
const MAX_STATE_BYTES = 4 * 1024 * 1024;
const MAX_CHANNELS = 32;

const SYNC = 1;
const CHANNEL = 2;
const STATES = ["alive", "suspect", "dead", "left"] as const satisfies readonly MemberState[];

export interface ChannelState {
  readonly channel: number;
  readonly body: Uint8Array;
}

export type StreamRequest =
  | { readonly kind: "sync"; readonly view: View; readonly states: readonly ChannelState[] }
  | {
      readonly kind: "channel";
      readonly sender: NodeId;
      readonly channel: number;
      readonly body: Uint8Array;
    };

export function encodeSync(view: View, states: readonly ChannelState[]): Uint8Array {
  const writer = new ByteWriter().byte(WIRE_VERSION).byte(SYNC).text(view.sender);
  writer.varint(view.members.length);
  for (const member of view.members) writeMember(writer, member);
  writer.varint(states.length);
  for (const { channel, body } of states) writer.byte(channel).blob(body);
  return writer.bytes();
}

export function encodeChannelRequest(
  sender: NodeId,
  channel: number,
  body: Uint8Array,
): Uint8Array {
  const writer = new ByteWriter().byte(WIRE_VERSION).byte(CHANNEL).text(sender);
  return writer.byte(channel).blob(body).bytes();
}

/** null = not of this version, or damaged. An answer to push-pull is of the same form. */
export function decodeStream(bytes: Uint8Array): StreamRequest | null {
  return orNull(() => {
    const reader = new ByteReader(bytes);
    if (reader.byte() !== WIRE_VERSION) return null;
    const kind = reader.byte();
    const sender = readId(reader);
    if (kind === CHANNEL) {
      const channel = reader.byte();
      return { kind: "channel", sender, channel, body: reader.blob(MAX_STATE_BYTES) };
    }
    if (kind !== SYNC) throw new MalformedBytes(`no request of kind ${kind}`);
    const members = readMany(reader, MAX_MEMBERS, () => readMember(reader));
    const states = readMany(reader, MAX_CHANNELS, () => ({
      channel: reader.byte(),
      body: reader.blob(MAX_STATE_BYTES),
    }));
    return { kind: "sync", view: { sender, members }, states };
  });
}

function readMany<T>(reader: ByteReader, max: number, one: () => T): T[] {
  const count = reader.varint();
  if (count > max) throw new MalformedBytes(`${count} entries where ${max} may be`);
  const all: T[] = [];
  for (let i = 0; i < count; i++) all.push(one());
  return all;
}

function writeMember(writer: ByteWriter, member: MemberRecord): void {
  writer.text(member.id).varint(member.incarnation).text(member.address);
  writer.byte(STATES.indexOf(member.state));
  if (member.state === "suspect" || member.state === "dead") {
    writeEvidence(writer, member.evidence ?? "unreachable");
  }
  writeMeta(writer, member.meta);
}

function readMember(reader: ByteReader): MemberRecord {
  const id = readId(reader);
  const incarnation = readIncarnation(reader);
  const address = readAddress(reader);
  const state = STATES[reader.byte()];
  if (state === undefined) throw new MalformedBytes("no such state");
  const evidence = state === "suspect" || state === "dead" ? readEvidence(reader) : null;
  return { id, incarnation, address, state, evidence, meta: readMeta(reader) };
}
