/** What a transport counts. */
import type { TransportCounters } from "./transport.ts";

/** Why something was not accepted, or not sent. */
export type Refusal =
  | "too-large"
  | "malformed"
  | "unknown-key"
  | "not-sealed"
  | "not-opened"
  | "replayed"
  | "other-cluster"
  | "unauthenticated"
  | "too-many-streams"
  | "broken-stream"
  | "no-path";

export class TransportCount {
  packetsSent = 0;
  packetBytesSent = 0;
  packetsReceived = 0;
  packetBytesReceived = 0;
  streamBytesSent = 0;
  streamBytesReceived = 0;
  readonly #refused: Partial<Record<Refusal, number>> = {};

  refuse(reason: Refusal): void {
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
  }

  sentPacket(bytes: number): void {
    this.packetsSent++;
    this.packetBytesSent += bytes;
  }

  receivedPacket(bytes: number): void {
    this.packetsReceived++;
    this.packetBytesReceived += bytes;
  }

  read(): TransportCounters {
    const { packetsSent, packetBytesSent, packetsReceived, packetBytesReceived } = this;
    const { streamBytesSent, streamBytesReceived } = this;
    const packets = { packetsSent, packetBytesSent, packetsReceived, packetBytesReceived };
    return { ...packets, streamBytesSent, streamBytesReceived, refused: { ...this.#refused } };
  }
}
