/** How a node's health is told: in few bytes, because every node tells every other one. */
import type { NodeHealth } from "@bifrost/shared/api/cluster";
import type { NodeId } from "../gossip/member.ts";

export interface HealthRecord {
  /** Of the process that measured. */
  readonly epoch: number;
  /** Grows with each one of an epoch. */
  readonly sequence: number;
  readonly health: NodeHealth;
}

const VERSION = 1;
const HEAD_BYTES = 30;
const LINK_BYTES = 7;
/** Of a round-trip time that is not measured yet. */
const UNKNOWN_TIME = 0xff_ff;
const MEBIBYTE = 1024 ** 2;

/** Links that find no room in `mostBytes` are left out. */
export function encodeHealth({ epoch, sequence, health }: HealthRecord, mostBytes: number): Buffer {
  const room = Math.min(255, Math.floor((mostBytes - HEAD_BYTES) / LINK_BYTES));
  const links = health.links.slice(0, Math.max(0, room));
  const bytes = Buffer.alloc(HEAD_BYTES + links.length * LINK_BYTES);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUInt32BE(epoch, 1);
  bytes.writeUInt32BE(sequence, 5);
  bytes.writeUInt8(shareToByte(health.cpu), 9);
  bytes.writeUInt32BE(whole(health.memoryBytes / MEBIBYTE, 0xff_ff_ff_ff), 10);
  bytes.writeUInt32BE(whole(health.memoryLimitBytes / MEBIBYTE, 0xff_ff_ff_ff), 14);
  bytes.writeUInt16BE(whole(health.eventLoopDelayMs, 0xff_ff), 18);
  bytes.writeDoubleBE(health.requestsPerSecond, 20);
  bytes.writeUInt8(shareToByte(health.errorRate), 28);
  bytes.writeUInt8(links.length, 29);
  for (const [index, { nodeId, roundTripMs, loss }] of links.entries()) {
    const at = HEAD_BYTES + index * LINK_BYTES;
    bytes.writeUInt32BE(shortOf(nodeId), at);
    // In tenths of a millisecond.
    const time = roundTripMs === null ? UNKNOWN_TIME : whole(roundTripMs * 10, UNKNOWN_TIME - 1);
    bytes.writeUInt16BE(time, at + 4);
    bytes.writeUInt8(shareToByte(loss), at + 6);
  }
  return bytes;
}

/** null for what is no record. Links to nodes that are not among `known` are left out. */
export function decodeHealth(body: Uint8Array, known: Iterable<NodeId>): HealthRecord | null {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes.length < HEAD_BYTES || bytes.readUInt8(0) !== VERSION) return null;
  const count = bytes.readUInt8(29);
  const requestsPerSecond = bytes.readDoubleBE(20);
  if (bytes.length !== HEAD_BYTES + count * LINK_BYTES) return null;
  if (!Number.isFinite(requestsPerSecond) || requestsPerSecond < 0) return null;
  return {
    epoch: bytes.readUInt32BE(1),
    sequence: bytes.readUInt32BE(5),
    health: {
      cpu: bytes.readUInt8(9) / 255,
      memoryBytes: bytes.readUInt32BE(10) * MEBIBYTE,
      memoryLimitBytes: bytes.readUInt32BE(14) * MEBIBYTE,
      eventLoopDelayMs: bytes.readUInt16BE(18),
      requestsPerSecond,
      errorRate: bytes.readUInt8(28) / 255,
      links: readLinks(bytes.subarray(HEAD_BYTES), known),
    },
  };
}

function readLinks(bytes: Buffer, known: Iterable<NodeId>): NodeHealth["links"] {
  const names = new Map([...known].map((id) => [shortOf(id), id]));
  const links: NodeHealth["links"] = [];
  for (let at = 0; at < bytes.length; at += LINK_BYTES) {
    const nodeId = names.get(bytes.readUInt32BE(at));
    if (nodeId === undefined) continue;
    const time = bytes.readUInt16BE(at + 4);
    const roundTripMs = time === UNKNOWN_TIME ? null : time / 10;
    links.push({ nodeId, roundTripMs, loss: bytes.readUInt8(at + 6) / 255 });
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

function whole(value: number, most: number): number {
  return Math.min(most, Math.max(0, Math.round(value)));
}
