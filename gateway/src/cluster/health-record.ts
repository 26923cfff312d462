/** How a node's health is told: in few bytes, because every node tells every other one. */
import type { NodeHealth } from "@bifrost/shared/api/cluster";
import { ByteReader, ByteWriter, MalformedBytes } from "../gossip/bytes.ts";
import { orNull } from "../gossip/codec.ts";
import type { NodeId } from "../gossip/member.ts";

export interface HealthRecord {
  /** Of the process that measured. */
  readonly epoch: number;
  /** Grows with each one of an epoch. */
  readonly sequence: number;
  readonly load: Omit<NodeHealth, "links">;
  /** null = not told this time. */
  readonly links: NodeHealth["links"] | null;
}

const VERSION = 2;
const LINK_BYTES = 7;
/** The count of them is one byte, one more than there are; 0 = not told. */
const MAX_LINKS = 254;
/** Of a round-trip time that is not measured yet. */
const UNKNOWN_TIME = 0xff_ff;
const MEBIBYTE = 1024 ** 2;

/** Links that find no room in `mostBytes` are left out; null when the rest finds none. */
export function encodeHealth(
  { epoch, sequence, load, links }: HealthRecord,
  mostBytes: number,
): Uint8Array | null {
  const writer = new ByteWriter().byte(VERSION).varint(epoch).varint(sequence);
  writer.byte(shareToByte(load.cpu));
  writer.varint(whole(load.memoryBytes / MEBIBYTE)).varint(whole(load.memoryLimitBytes / MEBIBYTE));
  writer.varint(whole(load.eventLoopDelayMs));
  // In tenths.
  writer.varint(whole(load.requestsPerSecond * 10)).byte(shareToByte(load.errorRate));
  if (links === null) writer.byte(0);
  else writeLinks(writer, links, mostBytes - writer.bytes().length - 1);
  const bytes = writer.bytes();
  return bytes.length > mostBytes ? null : bytes;
}

function writeLinks(writer: ByteWriter, links: NodeHealth["links"], roomBytes: number): void {
  const room = Math.max(0, Math.min(MAX_LINKS, Math.floor(roomBytes / LINK_BYTES)));
  const told = links.slice(0, room);
  writer.byte(told.length + 1);
  for (const { nodeId, roundTripMs, loss } of told) {
    const link = Buffer.alloc(LINK_BYTES);
    link.writeUInt32BE(shortOf(nodeId), 0);
    // In tenths of a millisecond.
    const time = roundTripMs === null ? UNKNOWN_TIME : whole(roundTripMs * 10, UNKNOWN_TIME - 1);
    link.writeUInt16BE(time, 4);
    link.writeUInt8(shareToByte(loss), 6);
    writer.raw(link);
  }
}

/** null for what is no record. Links to nodes that are not among `known` are left out. */
export function decodeHealth(body: Uint8Array, known: Iterable<NodeId>): HealthRecord | null {
  return orNull(() => {
    const reader = new ByteReader(body);
    if (reader.byte() !== VERSION) return null;
    const record = {
      epoch: reader.varint(),
      sequence: reader.varint(),
      load: {
        cpu: reader.byte() / 255,
        memoryBytes: reader.varint() * MEBIBYTE,
        memoryLimitBytes: reader.varint() * MEBIBYTE,
        eventLoopDelayMs: reader.varint(),
        requestsPerSecond: reader.varint() / 10,
        errorRate: reader.byte() / 255,
      },
      links: readLinks(reader, known),
    };
    if (!reader.isAtEnd) throw new MalformedBytes("goes on after its end");
    return record;
  });
}

function readLinks(reader: ByteReader, known: Iterable<NodeId>): NodeHealth["links"] | null {
  const count = reader.byte() - 1;
  if (count < 0) return null;
  const names = new Map([...known].map((id) => [shortOf(id), id]));
  const links: NodeHealth["links"] = [];
  for (let read = 0; read < count; read++) {
    const link = Buffer.from(Array.from({ length: LINK_BYTES }, () => reader.byte()));
    const nodeId = names.get(link.readUInt32BE(0));
    if (nodeId === undefined) continue;
    const time = link.readUInt16BE(4);
    const roundTripMs = time === UNKNOWN_TIME ? null : time / 10;
    links.push({ nodeId, roundTripMs, loss: link.readUInt8(6) / 255 });
  }
  return links;
}

/** FNV-1a of a name: told instead of it, because whoever reads the record knows all names. */
function shortOf(id: NodeId): number {
  let hash = 0x81_1c_9d_c5;
  for (let index = 0; index < id.length; index++) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01_00_01_93);
  }
  return hash >>> 0;
}

function shareToByte(share: number): number {
  return whole(share * 255, 255);
}

function whole(value: number, most = Number.MAX_SAFE_INTEGER): number {
  return Math.min(most, Math.max(0, Math.round(value)));
}
