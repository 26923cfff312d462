/**
 * Packets as bytes: version, sender, then messages until the end, each a byte of kind and its fields. A ping of a
 * 12-letter name is 30 bytes; memberlist's are about 40.
 */
import { ByteReader, ByteWriter, MalformedBytes } from "./bytes.ts";
import { type Address, type Evidence, type MemberMeta, NODE_ID, type NodeId } from "./member.ts";
import type { GossipMessage, Packet } from "./message.ts";

export const WIRE_VERSION = 1;
export const MAX_ID_BYTES = 64;
export const MAX_ADDRESS_BYTES = 255;
export const MAX_META_BYTES = 512;
/** Whoever claims a higher one, which none gets to in a million years, would leave a node no number to refute with. */
export const MAX_INCARNATION = 2 ** 48;
/** That a node knows of, itself included: more are refused before anything is allocated for them. */
export const MAX_MEMBERS = 4096;
/** An ethernet frame with room for IP, UDP and tunnels. */
export const MAX_PACKET_BYTES = 1400;

const EVIDENCES = ["refused", "unreachable", "stalled"] as const satisfies readonly Evidence[];

const ADDRESS = /^[\x21-\x7e]+$/;
const CONTROL = /\p{Cc}/u;

const KIND = {
  ping: 1,
  ack: 2,
  "ping-request": 3,
  "relayed-ack": 4,
  alive: 5,
  suspect: 6,
  dead: 7,
  left: 8,
  broadcast: 9,
  direct: 10,
} as const satisfies Record<GossipMessage["kind"], number>;

/** What every packet begins with. */
export function encodeHeader(sender: string): Uint8Array {
  return new ByteWriter().byte(WIRE_VERSION).text(sender).bytes();
}

export function encodeMessage(message: GossipMessage): Uint8Array {
  const writer = new ByteWriter().byte(KIND[message.kind]);
  switch (message.kind) {
    case "ping":
      writer.varint(message.seq).text(message.target);
      break;
    case "ack":
    case "relayed-ack":
      writer.varint(message.seq);
      break;
    case "ping-request":
      writer.varint(message.seq).text(message.target).text(message.address);
      break;
    case "alive":
      writer.text(message.id).varint(message.incarnation).text(message.address);
      writeMeta(writer, message.meta);
      break;
    case "suspect":
    case "dead":
      writer.text(message.id).varint(message.incarnation);
      writer.byte(EVIDENCES.indexOf(message.evidence)).text(message.from);
      break;
    case "left":
      writer.text(message.id).varint(message.incarnation);
      break;
    case "broadcast":
      writer.text(message.origin).varint(message.epoch).varint(message.number);
      writer.byte(message.channel).blob(message.body);
      break;
    case "direct":
      writer.byte(message.channel).blob(message.body);
      break;
  }
  return writer.bytes();
}

/** null = not a packet of this version, or damaged; nothing in it counts then. */
export function decodePacket(bytes: Uint8Array): Packet | null {
  return orNull(() => {
    const reader = new ByteReader(bytes);
    if (reader.byte() !== WIRE_VERSION) return null;
    const sender = readId(reader);
    const messages: GossipMessage[] = [];
    while (!reader.isAtEnd) messages.push(readMessage(reader));
    return { sender, messages };
  });
}

function readMessage(reader: ByteReader): GossipMessage {
  const kind = reader.byte();
  switch (kind) {
    case KIND.ping:
      return { kind: "ping", seq: reader.varint(), target: readId(reader) };
    case KIND.ack:
      return { kind: "ack", seq: reader.varint() };
    case KIND["relayed-ack"]:
      return { kind: "relayed-ack", seq: reader.varint() };
    case KIND["ping-request"]:
      return {
        kind: "ping-request",
        seq: reader.varint(),
        target: readId(reader),
        address: readAddress(reader),
      };
    case KIND.direct:
      return { kind: "direct", channel: reader.byte(), body: reader.blob(MAX_PACKET_BYTES) };
    default:
      return readNews(reader, kind);
  }
}

function readNews(reader: ByteReader, kind: number): GossipMessage {
  const id = readId(reader);
  if (kind === KIND.broadcast) return readBroadcast(reader, id);
  const incarnation = readIncarnation(reader);
  switch (kind) {
    case KIND.alive:
      return {
        kind: "alive",
        id,
        incarnation,
        address: readAddress(reader),
        meta: readMeta(reader),
      };
    case KIND.suspect:
    case KIND.dead: {
      const evidence = readEvidence(reader);
      const from = readId(reader);
      return { kind: kind === KIND.dead ? "dead" : "suspect", id, incarnation, evidence, from };
    }
    case KIND.left:
      return { kind: "left", id, incarnation };
    default:
      throw new MalformedBytes(`no message of kind ${kind}`);
  }
}

function readBroadcast(reader: ByteReader, origin: NodeId): GossipMessage {
  return {
    kind: "broadcast",
    origin,
    epoch: reader.varint(),
    number: reader.varint(),
    channel: reader.byte(),
    body: reader.blob(MAX_PACKET_BYTES),
  };
}

export function readId(reader: ByteReader): NodeId {
  const id = reader.text(MAX_ID_BYTES);
  if (!NODE_ID.test(id)) throw new MalformedBytes("not the name of a node");
  return id;
}

export function readAddress(reader: ByteReader): Address {
  const address = reader.text(MAX_ADDRESS_BYTES);
  if (!ADDRESS.test(address)) throw new MalformedBytes("not an address");
  return address;
}

export function readIncarnation(reader: ByteReader): number {
  const incarnation = reader.varint();
  if (incarnation > MAX_INCARNATION) throw new MalformedBytes("no such incarnation");
  return incarnation;
}

export function writeMeta(writer: ByteWriter, meta: MemberMeta): void {
  writer.text(meta.region).text(meta.host).text(meta.control).text(meta.version).varint(meta.epoch);
}

export function readMeta(reader: ByteReader): MemberMeta {
  const from = reader.position;
  const meta = {
    region: readPrintable(reader),
    host: readPrintable(reader),
    control: readPrintable(reader),
    version: readPrintable(reader),
    epoch: reader.varint(),
  };
  if (reader.position - from > MAX_META_BYTES) throw new MalformedBytes("metadata are too large");
  return meta;
}

/** People read these on a terminal. */
export function isPrintable(text: string): boolean {
  return !CONTROL.test(text);
}

function readPrintable(reader: ByteReader): string {
  const text = reader.text(MAX_META_BYTES);
  if (!isPrintable(text)) throw new MalformedBytes("control characters");
  return text;
}

export function writeEvidence(writer: ByteWriter, evidence: Evidence): void {
  writer.byte(EVIDENCES.indexOf(evidence));
}

export function readEvidence(reader: ByteReader): Evidence {
  const evidence = EVIDENCES[reader.byte()];
  if (evidence === undefined) throw new MalformedBytes("no such evidence");
  return evidence;
}

/** Runs a decoder; what the bytes did not hold is null. */
export function orNull<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedBytes) return null;
    throw error;
  }
}
