/**
 * Packets as bytes: version, sender, then messages until the end, each a byte of kind and its fields. A ping of a
 * 12-letter name is 30 bytes; memberlist's are about 40.
 */
import { ByteReader, ByteWriter, MalformedBytes } from "./bytes.ts";
import type { Evidence, MemberMeta } from "./member.ts";
import type { GossipMessage, Packet } from "./message.ts";

export const WIRE_VERSION = 1;
export const MAX_ID_BYTES = 64;
export const MAX_ADDRESS_BYTES = 255;
export const MAX_META_BYTES = 512;
/** An ethernet frame with room for IP, UDP and tunnels. */
export const MAX_PACKET_BYTES = 1400;

const EVIDENCES = ["refused", "unreachable", "stalled"] as const satisfies readonly Evidence[];

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
    const sender = reader.text(MAX_ID_BYTES);
    const messages: GossipMessage[] = [];
    while (!reader.isAtEnd) messages.push(readMessage(reader));
    return { sender, messages };
  });
}

function readMessage(reader: ByteReader): GossipMessage {
  const kind = reader.byte();
  switch (kind) {
    case KIND.ping:
      return { kind: "ping", seq: reader.varint(), target: reader.text(MAX_ID_BYTES) };
    case KIND.ack:
      return { kind: "ack", seq: reader.varint() };
    case KIND["relayed-ack"]:
      return { kind: "relayed-ack", seq: reader.varint() };
    case KIND["ping-request"]:
      return {
        kind: "ping-request",
        seq: reader.varint(),
        target: reader.text(MAX_ID_BYTES),
        address: reader.text(MAX_ADDRESS_BYTES),
      };
    case KIND.direct:
      return { kind: "direct", channel: reader.byte(), body: reader.blob(MAX_PACKET_BYTES) };
    default:
      return readNews(reader, kind);
  }
}

function readNews(reader: ByteReader, kind: number): GossipMessage {
  const id = reader.text(MAX_ID_BYTES);
  const incarnation = reader.varint();
  switch (kind) {
    case KIND.alive:
      return {
        kind: "alive",
        id,
        incarnation,
        address: reader.text(MAX_ADDRESS_BYTES),
        meta: readMeta(reader),
      };
    case KIND.suspect:
    case KIND.dead: {
      const evidence = readEvidence(reader);
      const from = reader.text(MAX_ID_BYTES);
      return { kind: kind === KIND.dead ? "dead" : "suspect", id, incarnation, evidence, from };
    }
    case KIND.left:
      return { kind: "left", id, incarnation };
    case KIND.broadcast:
      return {
        kind: "broadcast",
        origin: id,
        epoch: incarnation,
        number: reader.varint(),
        channel: reader.byte(),
        body: reader.blob(MAX_PACKET_BYTES),
      };
    default:
      throw new MalformedBytes(`no message of kind ${kind}`);
  }
}

export function writeMeta(writer: ByteWriter, meta: MemberMeta): void {
  writer.text(meta.region).text(meta.host).text(meta.control).text(meta.version).varint(meta.epoch);
}

export function readMeta(reader: ByteReader): MemberMeta {
  return {
    region: reader.text(MAX_META_BYTES),
    host: reader.text(MAX_META_BYTES),
    control: reader.text(MAX_META_BYTES),
    version: reader.text(MAX_META_BYTES),
    epoch: reader.varint(),
  };
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
