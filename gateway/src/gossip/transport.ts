/**
 * How bytes get from node to node: packets that may be lost, and requests over streams. Encryption, authentication,
 * replay protection and size caps are the transport's: what it hands over came from a node of this cluster.
 */
import type { Address } from "./member.ts";

export interface TransportHandlers {
  onPacket(from: Address, packet: Uint8Array): void;
  /** Its answer goes back over the same stream. */
  onRequest(from: Address, body: Uint8Array): Promise<Uint8Array>;
  /** What the kernel said without being asked: the link to this address closed, and a new one was refused. */
  onRefused(address: Address): void;
  /** A link closed, and what answers there now is not a node that talks: probe it. */
  onDoubt(address: Address): void;
}

/** `answered`: the program itself did. The others are evidence (see Evidence). */
export type CheckResult = "answered" | "refused" | "unreachable" | "stalled";

export interface Transport {
  /** What others reach this node by. */
  readonly localAddress: Address;
  /** Largest payload of `send`. */
  readonly maxPacketBytes: number;
  /** Largest body of a request and its answer. */
  readonly maxRequestBytes: number;
  start(handlers: TransportHandlers): Promise<void>;
  /** Never throws, never waits; a packet that cannot go is lost and counted. */
  send(to: Address, packet: Uint8Array): void;
  /** Rejects with BifrostError `upstream-unavailable` when there is no answer within `timeoutMs`. */
  request(to: Address, body: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  /** Whether the program at this address answers over a stream. */
  check(address: Address, timeoutMs: number): Promise<CheckResult>;
  /** Keeps a connection to each of these and to no others: its end is the fastest evidence of a crash. */
  link(addresses: readonly Address[]): void;
  counters(): TransportCounters;
  stop(): Promise<void>;
}

/** Since the start. */
export interface TransportCounters {
  readonly packetsSent: number;
  readonly packetBytesSent: number;
  readonly packetsReceived: number;
  readonly packetBytesReceived: number;
  readonly streamBytesSent: number;
  readonly streamBytesReceived: number;
  /** By reason, such as `replayed`, `unknown-key`, `too-large`, `other-cluster`. */
  readonly refused: Readonly<Record<string, number>>;
}
